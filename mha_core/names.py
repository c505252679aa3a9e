"""What other code calls our tensors and parameters. The names themselves stand on the rows they belong to.

Every name was read in the source that its library's row gives; what has no name of its own there (a product
that is handed straight on, say) has none here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """Other code with names of its own.

    Attributes:
        label: what it is called.
        read_in: where its names were read.
        layout: how the rows of its projection lie: `per_head` or `stacked` as in the config, or `separate`,
            which are three layers.
    """

    label: str
    read_in: str
    layout: str


LIBRARIES = {
    "torch": Library(
        "nn.MultiheadAttention", "torch.nn.functional.multi_head_attention_forward, PyTorch 2.13", "stacked"
    ),
    "paper": Library("The paper", "Vaswani et al. 2017, section 3.2", "separate"),
    "gpt2": Library("GPT-2", "Hugging Face transformers 5.23, modeling_gpt2.py", "stacked"),
    "bert": Library("BERT", "Hugging Face transformers 4.57, modeling_bert.py", "separate"),
    "neox": Library("GPT-NeoX", "Hugging Face transformers 5.23, modeling_gpt_neox.py", "per_head"),
    "nanogpt": Library("nanoGPT", "karpathy/nanoGPT, model.py", "stacked"),
    "llama": Library("LLaMA", "Hugging Face transformers 5.23, modeling_llama.py", "separate"),
}


@dataclass(frozen=True)
class Also:
    """One tensor's or layer's name in each library, with commas between several; empty: it has none there."""

    torch: str = ""
    paper: str = ""
    gpt2: str = ""
    bert: str = ""
    neox: str = ""
    nanogpt: str = ""
    llama: str = ""

    def in_order(self) -> tuple[str, ...]:
        """Return the names in the order of LIBRARIES."""
        return tuple(getattr(self, library) for library in LIBRARIES)


UNNAMED = Also()
