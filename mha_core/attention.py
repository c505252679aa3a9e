"""Multi-head attention, one plain function a step. Read this file first.

What is unusual here, and why:
- Each function is the step, nothing else: it can be called by hand in a notebook, and its body is the code
  that the page shows. Its parameters are named after what they receive, so the pipeline needs no wiring.
- The order of the steps stands once, as data, at the foot of the file.
- Beside a step that computes stands the arithmetic of one of its cells (`worked`), in float64.
- After the split, the token axis of q is called `query` and that of k and v `key`: the sizes agree, the
  roles do not.

Source of the method: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.
"""

# ruff: noqa: D403 - a step's docstring begins with its axes, and axes are words in lower case

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mha_core.names import Also
from mha_core.stage import Arithmetic, Cell, Layer, Made, Pipeline, Stage, Term

VASWANI = "Vaswani et al. 2017, section 3.2"


def project(x: Tensor, qkv_layer: nn.Linear) -> Tensor:
    """batch token input_dim -> batch token (head qkv head_dim)."""
    return qkv_layer(x)  # type: ignore[no-any-return]  # calling any nn.Module is untyped


def split_heads(qkv: Tensor, batch_size: int, sequence_length: int, num_heads: int, head_dim: int) -> Tensor:
    """batch token (head qkv head_dim) -> batch token head (qkv head_dim)."""
    return qkv.reshape(batch_size, sequence_length, num_heads, 3 * head_dim)


def heads_first(reshape: Tensor) -> Tensor:
    """batch token head (qkv head_dim) -> batch head token (qkv head_dim)."""
    return reshape.permute(0, 2, 1, 3)


def cut(permute: Tensor) -> tuple[Tensor, ...]:
    """batch head token (qkv head_dim) -> three times batch head token head_dim."""
    return permute.chunk(3, dim=-1)


def compare(q: Tensor, k: Tensor) -> Tensor:
    """batch head query head_dim, batch head key head_dim -> batch head query key."""
    return q @ k.transpose(-2, -1)


def scale(scores: Tensor, head_dim: int) -> Tensor:
    """batch head query key -> batch head query key."""
    return scores / math.sqrt(head_dim)


def hide(scaled: Tensor, mask: Tensor) -> Tensor:
    """batch head query key, batch 1 query key -> batch head query key."""
    # fill, never add -inf: a hidden cell is then not read at all, whatever number stood in it
    return scaled.masked_fill(mask, float("-inf"))


def softmax(masked: Tensor) -> Tensor:
    """batch head query key -> batch head query key; each query's row sums to 1 over its keys."""
    return torch.softmax(masked, dim=-1)


def mix(weights: Tensor, v: Tensor) -> Tensor:
    """batch head query key, batch head key head_dim -> batch head query head_dim."""
    return weights @ v


def join(context: Tensor, batch_size: int, sequence_length: int, d_model: int) -> Tensor:
    """batch head query head_dim -> batch query (head head_dim)."""
    # permute back first: without it the reshape would tear the rows of every head apart
    return context.permute(0, 2, 1, 3).reshape(batch_size, sequence_length, d_model)


def project_out(concat: Tensor, out_layer: nn.Linear) -> Tensor:
    """batch query (head head_dim) -> batch query d_model."""
    return out_layer(concat)  # type: ignore[no-any-return]  # calling any nn.Module is untyped


# The stacked layout cuts first: all q, all k, all v, and each is split into heads afterwards.


def cut_stacked(qkv: Tensor) -> tuple[Tensor, ...]:
    """batch token (qkv head head_dim) -> three times batch token (head head_dim)."""
    return qkv.chunk(3, dim=-1)


def split_each(  # noqa: PLR0913, PLR0917 - three tensors and four sizes, each by its name
    q_all: Tensor,
    k_all: Tensor,
    v_all: Tensor,
    batch_size: int,
    sequence_length: int,
    num_heads: int,
    head_dim: int,
) -> tuple[Tensor, ...]:
    """Three times batch token (head head_dim) -> batch token head head_dim."""
    q_split = q_all.reshape(batch_size, sequence_length, num_heads, head_dim)
    k_split = k_all.reshape(batch_size, sequence_length, num_heads, head_dim)
    v_split = v_all.reshape(batch_size, sequence_length, num_heads, head_dim)
    return q_split, k_split, v_split


def each_heads_first(q_split: Tensor, k_split: Tensor, v_split: Tensor) -> tuple[Tensor, ...]:
    """Three times batch token head head_dim -> batch head token head_dim."""
    return q_split.permute(0, 2, 1, 3), k_split.permute(0, 2, 1, 3), v_split.permute(0, 2, 1, 3)


# How one cell is computed, or decided, beside the steps that do.


def _number(tensor: Tensor, cell: Cell) -> float:
    return float(tensor[cell].item())  # item() also takes the caller's own layers, which ask for gradients


def _total(values: list[float]) -> float:
    # fsum rounds once, at the end; where it refuses (inf - inf, sums beyond float64) the plain sum stands
    return math.fsum(values) if math.isfinite(sum(values)) else sum(values)


def _product(left: tuple[str, Cell, float], right: tuple[str, Cell, float]) -> Term:
    return Term(((left[0], left[1]), (right[0], right[1])), (left[2], right[2]), left[2] * right[2])


def _sum(terms: list[Term]) -> Arithmetic:
    return Arithmetic(tuple(terms), _total([term.value for term in terms]), "sum")


def _worked_linear(inputs: Mapping[str, Any], source: str, name: str, cell: Cell) -> Arithmetic:
    *place, column = cell
    layer: nn.Linear = inputs[name]
    terms = []
    for row in range(layer.in_features):
        left = (source, (*place, row), _number(inputs[source], (*place, row)))
        right = (f"{name}.weight", (column, row), _number(layer.weight, (column, row)))
        terms.append(_product(left, right))
    if layer.bias is not None:
        value = _number(layer.bias, (column,))
        terms.append(Term(((f"{name}.bias", (column,)),), (value,), value))
    return _sum(terms)


def work_projection(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Multiply a token's numbers with a row of the weight, add the bias where there is one."""
    return _worked_linear(inputs, "x", "qkv_layer", cell)


def work_output(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Multiply a token's joined heads with a row of the weight, add the bias where there is one."""
    return _worked_linear(inputs, "concat", "out_layer", cell)


def work_score(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Multiply a query with a key, number by number, and add the products."""
    batch, head, query, key = cell
    q, k = inputs["q"], inputs["k"]
    return _sum(
        [
            _product(
                ("q", (batch, head, query, d), _number(q, (batch, head, query, d))),
                ("k", (batch, head, key, d), _number(k, (batch, head, key, d))),
            )
            for d in range(q.shape[-1])
        ]
    )


def work_scaling(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Divide a score by the square root of head_dim."""
    score = _number(inputs["scores"], cell)
    divisor = math.sqrt(inputs["head_dim"])
    return Arithmetic(
        (Term((("scores", cell),), (score,), score),), score / divisor, "quotient", divisor=divisor
    )


def work_filling(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Where the mask says hidden, minus infinity stands in the cell; else the scaled number stays."""
    batch, _, query, key = cell
    place = (batch, 0, query, key)  # one mask for all heads
    hides = _number(inputs["mask"], place)
    flag = Term((("mask", place),), (hides,), hides)
    if hides:
        return Arithmetic((flag,), -math.inf, "fill")
    score = _number(inputs["scaled"], cell)
    return Arithmetic((flag, Term((("scaled", cell),), (score,), score)), score, "fill")


def work_softmax(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Divide the exponential of a cell by the sum of its row's; the row's largest is taken off first."""
    *row, key = cell
    masked = inputs["masked"]
    numbers = [_number(masked, (*row, other)) for other in range(masked.shape[-1])]
    top = max((number for number in numbers if not math.isnan(number)), default=math.nan)
    # a row that is wholly -inf (or holds NaN or +inf) gives -inf - -inf = NaN, as in the step itself
    shifted = [math.exp(number - top) if number - top <= 0 else math.nan for number in numbers]
    terms = tuple(
        Term((("masked", (*row, other)),), (number,), value)
        for other, (number, value) in enumerate(zip(numbers, shifted, strict=True))
    )
    total = _total(shifted)
    return Arithmetic(terms, shifted[key] / total if total else math.nan, "share", divisor=total, chosen=key)


def work_mixture(made: str, cell: Cell, inputs: Mapping[str, Any]) -> Arithmetic:
    """Multiply each key's weight with the number that the key carries, and add."""
    batch, head, query, d = cell
    weights, v = inputs["weights"], inputs["v"]
    return _sum(
        [
            _product(
                ("weights", (batch, head, query, key), _number(weights, (batch, head, query, key))),
                ("v", (batch, head, key, d), _number(v, (batch, head, key, d))),
            )
            for key in range(weights.shape[-1])
        ]
    )


# What other libraries call the tensors that both layouts make (names.py says where it was read).

QKV = Also(torch="proj")
QKV_LAYER = Also(
    torch="in_proj_weight, in_proj_bias",
    paper="W^Q, W^K, W^V",
    gpt2="c_attn",
    bert="query, key, value",
    neox="query_key_value",
    nanogpt="c_attn",
    llama="q_proj, k_proj, v_proj",
)
OUT_LAYER = Also("out_proj", "W^O", "c_proj", "output.dense", "dense", "c_proj", "o_proj")
Q_ALL = Also(torch="q", gpt2="query_states", nanogpt="q")
K_ALL = Also(torch="k", gpt2="key_states", nanogpt="k")
V_ALL = Also(torch="v", gpt2="value_states", nanogpt="v")
Q = Also("q", "Q·W^Q", "query_states", "query_layer", "query_states", "q", "query_states")
K = Also("k", "K·W^K", "key_states", "key_layer", "key_states", "k", "key_states")
V = Also("v", "V·W^V", "value_states", "value_layer", "value_states", "v", "value_states")
SCALED = Also(
    torch="attn_output_weights",
    paper="QKᵀ/√d_k",
    gpt2="attn_weights",
    bert="attention_scores",
    neox="attn_weights",
    nanogpt="att",
    llama="attn_weights",
)
WEIGHTS = replace(SCALED, paper="softmax(QKᵀ/√d_k)", bert="attention_probs")
CONTEXT = Also(
    torch="attn_output",
    paper="head_i",
    gpt2="attn_output",
    bert="context_layer",
    neox="attn_output",
    nanogpt="y",
    llama="attn_output",
)
CONCAT = replace(CONTEXT, paper="Concat(head_1, …, head_h)")
OUT = replace(CONTEXT, paper="MultiHead(Q, K, V)", bert="hidden_states")

# The order stands here, once.

PROJECT = Stage(
    project,
    (Made("qkv", "batch token (head qkv head_dim)", paint="role", also=QKV),),
    title="Project every token",
    why="One linear layer makes query, key and value of every token and every head at once. Each output "
    "number is the token's numbers times one row of weights, plus a bias. One large multiplication is "
    "faster than three times num_heads small ones.",
    operation="qkv_layer",
    part="project",
    formula=r"\mathrm{qkv} = x\,W_{qkv}^{\top} + b_{qkv}",
    source="nn.Linear; fused as in GPT-NeoX and BLOOM",
    note="In this layout q, k and v alternate inside every head: they are not three thirds of the row.",
    see=("layouts", "weights"),
    worked=work_projection,
    why_unbiased="One linear layer makes query, key and value of every token and every head at once. Each "
    "output number is the token's numbers times one row of weights; this layer adds no bias. One large "
    "multiplication is faster than three times num_heads small ones.",
    formula_unbiased=r"\mathrm{qkv} = x\,W_{qkv}^{\top}",
    over="input_dim",
    layers=(Layer("qkv_layer", "(head qkv head_dim) input_dim", QKV_LAYER),),
)

AFTER_SPLIT: Pipeline = (
    Stage(
        compare,
        (Made("scores", "batch head query key", also=Also(paper="QKᵀ", bert="attention_scores")),),
        title="Compare queries with keys",
        why="Each query is multiplied with each key, number by number, and the products are added: a dot "
        "product. @ is the matrix product and kᵀ is k with its last two axes exchanged, so that every query "
        "meets every key. A large score means that the two point the same way.",
        operation="q @ kᵀ",
        part="attend",
        formula=r"\mathrm{scores}_{ij} = \sum_{d} q_{id}\,k_{jd}",
        source=VASWANI,
        note="k.T would turn round all four axes: only the last two may change places.",
        worked=work_score,
        over="head_dim",
    ),
    Stage(
        scale,
        (Made("scaled", "batch head query key", like="scores", also=SCALED),),
        title="Scale the scores",
        why="A sum of head_dim products grows like the square root of head_dim (written √head_dim). Dividing "
        "by it keeps scores at the same size for every head_dim; without it the softmax would put nearly "
        "all weight on one key and learn slowly.",
        operation="/ √head_dim",
        part="attend",
        formula=r"\mathrm{scaled} = \frac{\mathrm{scores}}{\sqrt{\mathrm{head\_dim}}}",
        source=VASWANI,
        note="It is head_dim, not d_model and not num_heads, whose root is taken.",
        worked=work_scaling,
    ),
    Stage(
        hide,
        (Made("masked", "batch head query key", like="scores", also=replace(SCALED, paper="")),),
        title="Hide what may not be seen",
        why="Where the mask says hidden, the score is replaced by minus infinity, whose exponential is 0. "
        "All other scores stay as they are.",
        operation="mask",
        part="attend",
        formula=r"\mathrm{masked}_{ij} = -\infty \text{ where hidden, else } \mathrm{scaled}_{ij}",
        source=VASWANI,
        note="Before the softmax, never after it: otherwise the rows no longer sum to 1. Many libraries add "
        "a mask of 0 and −∞, or of very large negative numbers, instead; that differs only where a whole row "
        "is hidden.",
        worked=work_filling,
    ),
    Stage(
        softmax,
        (Made("weights", "batch head query key", values="probability", also=WEIGHTS),),
        title="Turn scores into weights",
        why="Softmax raises e to every score and divides by the sum of the row. Each query's weights over "
        "its keys are then between 0 and 1 and sum to 1.",
        operation="softmax",
        part="attend",
        formula=r"\mathrm{weights}_{ij} = "
        r"\frac{e^{\mathrm{masked}_{ij}}}{\sum_{j'} e^{\mathrm{masked}_{ij'}}}",
        source=VASWANI,
        note="Along the keys (dim=-1): every row sums to 1, columns need not.",
        worked=work_softmax,
    ),
    Stage(
        mix,
        (Made("context", "batch head query head_dim", also=CONTEXT),),
        title="Mix the values",
        why="Each query collects the values of all keys, each as much as its weight says: a weighted "
        "average. This is where information moves from one token to another.",
        operation="@ v",
        part="attend",
        formula=r"\mathrm{context}_{id} = \sum_{j} \mathrm{weights}_{ij}\,v_{jd}",
        source=VASWANI,
        worked=work_mixture,
        over="key",
    ),
    Stage(
        join,
        (Made("concat", "batch query (head head_dim)", also=CONCAT),),
        title="Join the heads",
        why="The head axis goes back behind the query axis, and the heads' numbers are written one after the "
        "other: each token again has one row of d_model numbers, head 0 first.",
        operation="permute, reshape",
        part="join",
        formula=r"\mathrm{concat}_{i} = [\mathrm{context}^{0}_{i}, \mathrm{context}^{1}_{i}, \ldots]",
        source=VASWANI,
        note="Well-known notebooks forget to permute back before the reshape. The shape comes out the same; "
        "the numbers of different tokens are mixed up.",
        moves=True,
    ),
    Stage(
        project_out,
        (Made("out", "batch query d_model", also=OUT),),
        title="Mix the heads",
        why="A last linear layer lets the heads' results flow into each other: every output number reads all "
        "heads of its own token.",
        operation="out_layer",
        part="join",
        formula=r"\mathrm{out} = \mathrm{concat}\,W_{out}^{\top} + b_{out}",
        source="nn.Linear",
        see=("weights",),
        worked=work_output,
        formula_unbiased=r"\mathrm{out} = \mathrm{concat}\,W_{out}^{\top}",
        over="(head head_dim)",
        layers=(Layer("out_layer", "d_model (head head_dim)", OUT_LAYER),),
    ),
)

PER_HEAD: Pipeline = (
    PROJECT,
    Stage(
        split_heads,
        (Made("reshape", "batch token head (qkv head_dim)", paint="head"),),
        title="Split into heads",
        why="No number moves: each token's long row is read as num_heads shorter rows, one below the other. "
        "Each of them holds one head's query, key and value.",
        operation="reshape",
        part="project",
        formula=r"3\,d_{model} = \mathrm{num\_heads} \times 3\,\mathrm{head\_dim}",
        source="torch.Tensor.reshape",
        moves=True,
    ),
    Stage(
        heads_first,
        (Made("permute", "batch head token (qkv head_dim)", paint="head", also=Also(neox="qkv")),),
        title="Put heads first",
        why="The axes token and head change places, so that everything of one head lies in one sheet and the "
        "heads can be worked on side by side.",
        operation="permute",
        part="project",
        formula=r"\mathrm{permute}_{b,h,t} = \mathrm{reshape}_{b,t,h}",
        source="torch.Tensor.permute",
        note="The written tutorial prints (1, 4, 8, 192) after this step. It is (1, 8, 4, 192): heads come "
        "before tokens.",
        moves=True,
    ),
    Stage(
        cut,
        (
            Made("q", "batch head query head_dim", paint="role", also=Q),
            Made("k", "batch head key head_dim", paint="role", also=K),
            Made("v", "batch head key head_dim", paint="role", also=V),
        ),
        title="Cut into query, key and value",
        why="Each sheet is cut (chunk) into three equal parts along its columns: what a token asks for (q, "
        "query), what it offers to be found by (k, key) and what it hands on (v, value). 3·head_dim means "
        "three times head_dim columns.",
        operation="chunk",
        part="project",
        formula=r"q, k, v = \mathrm{chunk}(\mathrm{permute}, 3)",
        source="torch.Tensor.chunk",
        moves=True,
    ),
    *AFTER_SPLIT,
)

STACKED: Pipeline = (
    Stage(
        project,
        (Made("qkv", "batch token (qkv head head_dim)", paint="role", also=QKV),),
        title=PROJECT.title,
        why=PROJECT.why,
        operation=PROJECT.operation,
        part="project",
        formula=PROJECT.formula,
        source="nn.Linear; fused as in nn.MultiheadAttention and GPT-2",
        note="In this layout q, k and v are three thirds of the row, each with all heads in it.",
        see=("layouts", "weights"),
        worked=work_projection,
        why_unbiased=PROJECT.why_unbiased,
        formula_unbiased=PROJECT.formula_unbiased,
        over="input_dim",
        layers=(Layer("qkv_layer", "(qkv head head_dim) input_dim", QKV_LAYER),),
    ),
    Stage(
        cut_stacked,
        (
            Made("q_all", "batch token (head head_dim)", paint="role", also=Q_ALL),
            Made("k_all", "batch token (head head_dim)", paint="role", also=K_ALL),
            Made("v_all", "batch token (head head_dim)", paint="role", also=V_ALL),
        ),
        title="Cut into query, key and value",
        why="Each token's row is cut (chunk) into three thirds: what the token asks for (q, query), what it "
        "offers to be found by (k, key) and what it hands on (v, value), for all heads at once.",
        operation="chunk",
        part="project",
        formula=r"q, k, v = \mathrm{chunk}(\mathrm{qkv}, 3)",
        source="torch.Tensor.chunk",
        moves=True,
    ),
    Stage(
        split_each,
        (
            Made("q_split", "batch token head head_dim", paint="head"),
            Made("k_split", "batch token head head_dim", paint="head"),
            Made("v_split", "batch token head head_dim", paint="head"),
        ),
        title="Split into heads",
        why="No number moves: each row of d_model numbers is read as num_heads rows of head_dim numbers.",
        operation="reshape",
        part="project",
        formula=r"d_{model} = \mathrm{num\_heads} \times \mathrm{head\_dim}",
        source="torch.Tensor.reshape",
        moves=True,
    ),
    Stage(
        each_heads_first,
        (
            Made("q", "batch head query head_dim", paint="role", also=Q),
            Made("k", "batch head key head_dim", paint="role", also=K),
            Made("v", "batch head key head_dim", paint="role", also=V),
        ),
        title="Put heads first",
        why="The axes token and head change places, so that everything of one head lies in one sheet and the "
        "heads can be worked on side by side.",
        operation="permute",
        part="project",
        formula=r"q_{b,h,t} = q^{split}_{b,t,h}",
        source="torch.Tensor.permute",
        moves=True,
    ),
    *AFTER_SPLIT,
)
