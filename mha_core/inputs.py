"""Where x and the parameters come from: seeded draws, words, the caller's layers; and the fused layouts."""

# ruff: noqa: D403 - a step's docstring begins with its axes, and axes are words in lower case

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mha_core.config import PAD, Config
from mha_core.errors import InputError
from mha_core.jobs import LITTLE_WORDS
from mha_core.names import Also
from mha_core.stage import Arithmetic, Cell, Made, Stage, Term
from mha_core.words import listed

Parameters = dict[str, nn.Linear]

TABLES = {"embedding": "word", "position": "token"}
"""The tables that a stage which makes x may read, and what each of their rows stands for."""

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def seed_of(seed: int, name: str) -> int:
    """Return the seed of one tensor's or word's own generator.

    Drawn from a hash of both, so that tensors are independent of each other's sizes and of each other: one
    seed for x and for the weights would make them dependent.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big") >> 1


def _generator(seed: int, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(seed_of(seed, name))


# The first stage: one of these makes x.


def draw_x(
    batch_size: int, sequence_length: int, input_dim: int, x_seed: int, options: dict[str, Any]
) -> Tensor:
    """Seeded normal numbers -> batch token input_dim."""
    generator = torch.Generator().manual_seed(x_seed)
    # drawn on the CPU in float32, then moved: one seed gives the same numbers everywhere
    return torch.randn((batch_size, sequence_length, input_dim), generator=generator).to(**options)


def look_up(embedding: Tensor, token_ids: Tensor) -> Tensor:
    """word input_dim, batch token -> batch token input_dim."""
    return embedding[token_ids]


def look_up_in_order(embedding: Tensor, token_ids: Tensor, position: Tensor) -> Tensor:
    """word input_dim, batch token, token input_dim -> batch token input_dim."""
    return embedding[token_ids] + position


def look_up_beside(embedding: Tensor, token_ids: Tensor, position: Tensor) -> Tensor:
    """word half, batch token, token half -> batch token input_dim: the word, then the position."""
    words = embedding[token_ids]
    return torch.cat([words, position.expand_as(words)], dim=-1)


def take_x(given_x: Tensor) -> Tensor:
    """The caller's own x, as it is."""
    return given_x


def work_order(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Add a word's number and its position's."""
    batch, token, d = cell
    word = (int(inputs["token_ids"][batch, token]), d)
    values = float(inputs["embedding"][word]), float(inputs["position"][token, d])
    terms = (
        Term((("embedding", word),), values[:1], values[0]),
        Term((("position", (token, d)),), values[1:], values[1]),
    )
    return Arithmetic(terms, math.fsum(values), "sum")


X = (
    Made(
        "x",
        "batch token input_dim",
        also=Also(
            torch="query, key, value",
            paper="Q, K, V",
            gpt2="hidden_states",
            bert="hidden_states",
            neox="hidden_states",
            nanogpt="x",
            llama="hidden_states",
        ),
    ),
)
INPUT_STAGES = {
    "normal": Stage(
        draw_x,
        X,
        title="Draw the input",
        why="The input x: for each token a row of input_dim numbers, drawn from the normal distribution. The "
        "same seed gives the same numbers.",
        operation="randn",
        part="project",
        formula=r"x \sim \mathcal{N}(0, 1)",
        source="torch.randn",
    ),
    "look_up": Stage(
        look_up,
        X,
        title="Look up the words",
        why="Each distinct word has a row of input_dim numbers of its own, drawn from the seed. The same "
        "word has the same row wherever it stands.",
        operation="embedding",
        part="project",
        formula=r"x_{t} = \mathrm{embedding}[\mathrm{word}_{t}]",
        source="nn.Embedding",
        moves=True,
    ),
    "look_up_in_order": Stage(
        look_up_in_order,
        X,
        title="Look up the words",
        why="Each distinct word has a row of input_dim numbers of its own, drawn from the seed. A row for "
        "its position, made of sines and cosines, is added: the same word at another place has other "
        "numbers.",
        operation="embedding + position",
        part="project",
        formula=r"x_{t} = \mathrm{embedding}[\mathrm{word}_{t}] + \mathrm{position}_{t}",
        source="Vaswani et al. 2017, section 3.5",
        worked=work_order,
    ),
    "look_up_beside": Stage(
        look_up_beside,
        X,
        title="Put words beside positions",
        why="Planted heads need an x that can be read off: the first half of its numbers is the word, signs "
        "+1 and −1 drawn from the seed, the second half is the position, sines and cosines. Nothing is "
        "added, so each half can be read without the other.",
        operation="word | position",
        part="project",
        formula=r"x_{t} = [\mathrm{embedding}[\mathrm{word}_{t}] \mid \mathrm{position}_{t}]",
        source="made for these weights; sines and cosines as in Vaswani et al. 2017, section 3.5",
        note="Models that learn add the two. In a sum of equal size the word would drown the position, and "
        "planted heads would not find it.",
        moves=True,
    ),
    "given": Stage(
        take_x,
        X,
        title="Take the input",
        why="The input x as it was handed in: for each token a row of input_dim numbers.",
        operation="x",
        part="project",
        source="the caller",
        moves=True,
    ),
}


def input_stage(config: Config, given: bool) -> Stage:
    """Return the stage that makes x under these settings."""
    if given:
        return INPUT_STAGES["given"]
    if config.input == "normal":
        return INPUT_STAGES["normal"]
    if config.weights == "planted":
        return INPUT_STAGES["look_up_beside"]
    return INPUT_STAGES["look_up_in_order" if config.positions else "look_up"]


def input_given(config: Config, options: dict[str, Any]) -> dict[str, Any]:
    """Return what the stage that makes x reads, by name.

    Each word draws from its own generator, so that other words never change it.
    """
    if config.words is None:
        return {"x_seed": seed_of(config.seed, "x"), "options": options}
    distinct = vocabulary(config)
    ids = {word: row for row, word in enumerate(distinct)}
    given = {
        "token_ids": torch.tensor(
            [[ids[word] for word in item] for item in config.words], device=options["device"]
        )
    }
    if config.weights == "planted":
        half = config.input_dim // 2
        place = sinusoids(config.sequence_length, half) * config.positions  # without positions: zeros
        return {"embedding": signs(config).to(**options), "position": place.to(**options), **given}
    rows = [
        torch.zeros(config.input_dim)
        if word == PAD
        else torch.randn(config.input_dim, generator=_generator(config.seed, f"word/{word}"))
        for word in distinct
    ]
    position = sinusoids(config.sequence_length, config.input_dim)
    return {"embedding": torch.stack(rows).to(**options), "position": position.to(**options), **given}


TRIES, MORE_TRIES = 300, 3000
COMPARED_SIGNS = 8
"""The smallest head_dim with which a job compares signs: with fewer, words need not differ in theirs."""


def signs(config: Config) -> Tensor:
    """Draw the words of planted runs: signs +1 and -1, `word half`, in float32.

    Each word draws from its own generator, again and again until it differs from every earlier word in at
    least a quarter of the first head_dim signs, which heads compare (after TRIES in one). With a head_dim
    below COMPARED_SIGNS no job compares them: there each word draws once, and words may have the same signs.
    Words come in the order of their first appearance, so that later ones never change earlier ones. The last
    number is no draw: -1 marks one of the LITTLE_WORDS, +1 every other word. Filling is zeros.
    """
    head_dim, half = config.head_dim, config.input_dim // 2
    tries = TRIES + MORE_TRIES if head_dim >= COMPARED_SIGNS else 1
    earlier = torch.empty((0, head_dim))
    rows = []
    for word in vocabulary(config):
        if word == PAD:
            rows.append(torch.zeros(half))
            continue
        generator = _generator(config.seed, f"signs/{word}")
        for tried in range(tries):
            row = torch.randint(0, 2, (half,), generator=generator) * 2.0 - 1.0
            row[-1] = -1.0 if word.casefold() in LITTLE_WORDS else 1.0
            apart = (row[:head_dim] != earlier).sum(-1)
            if not len(apart) or apart.min() >= (head_dim / 4 if tried < TRIES else 1):
                break
        earlier = torch.cat([earlier, row[None, :head_dim]])
        rows.append(row)
    return torch.stack(rows)


def vocabulary(config: Config) -> tuple[str, ...]:
    """Return the distinct words of the text, in the order in which they first appear."""
    return tuple(dict.fromkeys(word for item in config.words or () for word in item))


def sinusoids(sequence_length: int, input_dim: int) -> Tensor:
    """Return the sine and cosine positions, `token input_dim`, in float64.

    Source: Vaswani et al. 2017, section 3.5: even columns sines, odd columns cosines, wavelengths from
    2 pi to 10000 x 2 pi.
    """
    place = torch.arange(sequence_length, dtype=torch.float64)[:, None]
    column = torch.arange(input_dim, dtype=torch.float64)
    angle = place / 10000 ** (2 * (column // 2) / input_dim)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos())


# Parameters.


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return an nn.Linear that holds exactly these tensors; nothing is drawn from the global generator."""
    # on the meta device an nn.Linear has no memory, so that it fills (and draws) nothing
    fan_out, fan_in = weight.shape
    layer = nn.Linear(fan_in, fan_out, bias=bias is not None, device="meta", dtype=weight.dtype)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer.eval()


def _uniform(seed: int, name: str, shape: tuple[int, ...], bound: float) -> Tensor:
    return (torch.rand(shape, generator=_generator(seed, name)) * 2 - 1) * bound


def initial(config: Config) -> Parameters:
    """Draw the two layers as nn.Linear initialises them: uniform within 1/sqrt(fan-in), in float32.

    Both layouts hold the same numbers: they are drawn per head and, for the stacked layout, put in its order.
    """
    drawn: Parameters = {}
    for name, fan_in, fan_out, gain in (
        ("qkv_layer", config.input_dim, 3 * config.d_model, config.gain),
        ("out_layer", config.d_model, config.d_model, 1.0),
    ):
        bound = 1 / math.sqrt(fan_in)
        weight = _uniform(config.seed, f"{name}.weight", (fan_out, fan_in), bound) * gain
        bias = _uniform(config.seed, f"{name}.bias", (fan_out,), bound) * gain if config.bias else None
        drawn[name] = linear(weight, bias)
    if config.layout == "stacked":
        drawn["qkv_layer"] = to_stacked(drawn["qkv_layer"], config.num_heads)
    return drawn


def _reordered(layer: nn.Linear, first: int, second: int) -> nn.Linear:
    """Exchange the two slow words of the fused rows: (first second head_dim) -> (second first head_dim)."""

    def move(rows: Tensor) -> Tensor:
        return rows.reshape(first, second, -1).transpose(0, 1).reshape(rows.shape)

    return linear(move(layer.weight.detach()), None if layer.bias is None else move(layer.bias.detach()))


def to_stacked(qkv_layer: nn.Linear, num_heads: int) -> nn.Linear:
    """Reorder the rows of a fused layer: (head qkv head_dim) -> (qkv head head_dim)."""
    return _reordered(qkv_layer, num_heads, 3)


def to_per_head(qkv_layer: nn.Linear, num_heads: int) -> nn.Linear:
    """Reorder the rows of a fused layer: (qkv head head_dim) -> (head qkv head_dim)."""
    return _reordered(qkv_layer, 3, num_heads)


def fuse(
    q_layer: nn.Linear, k_layer: nn.Linear, v_layer: nn.Linear, num_heads: int, layout: str
) -> nn.Linear:
    """Make one fused layer of three separate projections.

    Raises:
        InputError: the three have different shapes, or only some have a bias.
    """
    layers = {"q_layer": q_layer, "k_layer": k_layer, "v_layer": v_layer}
    shapes = [tuple(layer.weight.shape) for layer in layers.values()]
    if len(set(shapes)) > 1:
        raise InputError(
            "q_layer, k_layer and v_layer have weights of shapes {shapes}; they can be fused only where all "
            "three agree.",
            shapes=listed(shapes),
        )
    biased = [name for name, layer in layers.items() if layer.bias is not None]
    if biased and len(biased) < len(layers):
        raise InputError(
            "Of q_layer, k_layer and v_layer these have a bias: {biased}. They can be fused only where all "
            "three have one, or none has.",
            biased=listed(biased),
        )
    bias = None if q_layer.bias is None else torch.cat([layer.bias.detach() for layer in layers.values()])
    stacked = linear(torch.cat([layer.weight.detach() for layer in layers.values()]), bias)
    return stacked if layout == "stacked" else to_per_head(stacked, num_heads)


def from_torch(
    module: nn.MultiheadAttention, layout: str = "stacked", **settings: Any
) -> tuple[Config, Parameters]:
    """Read an `nn.MultiheadAttention`: its sizes as a config, its weights as qkv_layer and out_layer.

    Args:
        module: the module; its own layout is the stacked one.
        layout: the layout in which qkv_layer is wanted.
        settings: further fields of the config (sequence_length, mask ...).

    Raises:
        InputError: the module has key or value sizes of its own, or added key and value rows.
    """
    if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
        raise InputError(
            "This nn.MultiheadAttention has kdim {kdim}, vdim {vdim}, add_bias_kv {bias_kv} and "
            "add_zero_attn {zero}; only one with a single input size and none of these can be read.",
            kdim=module.kdim,
            vdim=module.vdim,
            bias_kv=module.bias_k is not None,
            zero=module.add_zero_attn,
        )
    bias = module.in_proj_bias
    qkv_layer = linear(
        module.in_proj_weight.detach().clone(), None if bias is None else bias.detach().clone()
    )
    out_bias = module.out_proj.bias
    out_layer = linear(
        module.out_proj.weight.detach().clone(), None if out_bias is None else out_bias.detach().clone()
    )
    if layout == "per_head":
        qkv_layer = to_per_head(qkv_layer, module.num_heads)
    dtype = {kind: name for name, kind in DTYPES.items()}[qkv_layer.weight.dtype]
    sizes = {"input_dim": module.embed_dim, "d_model": module.embed_dim, "num_heads": module.num_heads}
    config = Config(**{**sizes, "bias": bias is not None, "layout": layout, "dtype": dtype, **settings})
    return config, {"qkv_layer": qkv_layer, "out_layer": out_layer}


def checked(config: Config, parameters: Mapping[str, nn.Linear]) -> Parameters:
    """Return the caller's layers as qkv_layer and out_layer, fused where three were given.

    Raises:
        InputError: a layer is missing, unknown, or has another shape than the config says.
    """
    own = dict(parameters)
    if not own:
        raise InputError(
            "parameters is empty; give qkv_layer and out_layer, or q_layer, k_layer, v_layer and out_layer."
        )
    if own.keys() == {"q_layer", "k_layer", "v_layer", "out_layer"}:
        own["qkv_layer"] = fuse(
            own.pop("q_layer"), own.pop("k_layer"), own.pop("v_layer"), config.num_heads, config.layout
        )
    if own.keys() != {"qkv_layer", "out_layer"}:
        raise InputError(
            "parameters has {given}; give qkv_layer and out_layer, or q_layer, k_layer, v_layer and "
            "out_layer.",
            given=listed(sorted(parameters)),
        )
    for name, shape in (
        ("qkv_layer", (3 * config.d_model, config.input_dim)),
        ("out_layer", (config.d_model, config.d_model)),
    ):
        if tuple(own[name].weight.shape) != shape:
            raise InputError(
                "The weight of {name} has shape {given}; with input_dim {input_dim} and d_model {d_model} it "
                "must be {shape}.",
                name=name,
                given=tuple(own[name].weight.shape),
                input_dim=config.input_dim,
                d_model=config.d_model,
                shape=shape,
            )
    return own
