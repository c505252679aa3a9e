"""Starting points: whole settings under a short name, each with the sentence that says what to look for."""

from __future__ import annotations

from dataclasses import dataclass

from mha_core.config import Config

LONG_TEXT = (
    "in the early morning the old fisherman mended his torn net while the gulls circled over the quiet "
    "harbour and the children counted the boats that had come home"
)


@dataclass(frozen=True)
class Preset:
    """A starting point: its label, its settings, and what a learner sees in it."""

    label: str
    config: Config
    sentence: str


PRESETS = {
    "sentence": Preset(
        "A small sentence",
        Config(
            input="words",
            text="the cat saw the small dog",
            input_dim=40,
            d_model=32,
            num_heads=4,
            mask="causal",
            weights="planted",
        ),
        "Six words, one of them twice, and every axis of another size, so that none can be mistaken for "
        "another. The weights were planted by hand, so that every head has a job to watch.",
    ),
    "planted": Preset(
        "Eight planted heads",
        Config(input="words", text="the old cat saw the dog and the dog saw a cat", weights="planted"),
        "Twelve words, four of them more than once, at the tutorial's sizes with no mask. The weights were "
        "planted by hand: eight heads with eight jobs.",
    ),
    "tutorial": Preset(
        "The tutorial's sizes",
        Config(),
        "The sizes of the written tutorial: four tokens, d_model 512, 8 heads.",
    ),
    "class": Preset(
        "The class example",
        Config(batch_size=30, sequence_length=5, input_dim=1024, d_model=512, num_heads=8),
        "The tutorial's class: a batch of 30 inputs of five tokens, and an input_dim (1024) that differs "
        "from d_model (512). One batch item is drawn at a time.",
    ),
    "long": Preset(
        "A longer sentence",
        Config(
            input="words",
            text=LONG_TEXT,
            input_dim=48,
            d_model=64,
            num_heads=4,
            mask="causal",
            gain=2.5,
            seed=3,
        ),
        f"A sentence of {len(LONG_TEXT.split())} words through four heads. Every word sees only itself and "
        "the words before it.",
    ),
}

FIRST = "sentence"
"""The preset that a bare address opens."""
