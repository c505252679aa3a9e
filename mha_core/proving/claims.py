"""What must be so of multi-head attention, each claim as a plain function whose body a page shows.

Each returns what a tensor of the run must be, or lays two tensors side by side that must agree. Which
numbers go in, and how far apart they may be, is decided in `mha_core.proving.checks`.
"""

# ruff: noqa: D403 - as with stages, a docstring may begin with its axes

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mha_core.proving.rerun import Rerun


def attend_by_module(
    x: Tensor, stacked: nn.Linear, out_layer: nn.Linear, mask: Tensor, num_heads: int
) -> tuple[Tensor, Tensor]:
    """batch token input_dim -> batch query d_model, batch head query key, by nn.MultiheadAttention."""
    d_model, input_dim = stacked.out_features // 3, stacked.in_features
    q, k, v = stacked.weight.chunk(3)
    shift = torch.zeros(3 * d_model, dtype=x.dtype) if stacked.bias is None else stacked.bias
    module = nn.MultiheadAttention(
        d_model, num_heads, kdim=input_dim, vdim=input_dim, batch_first=True, device="meta"
    )
    if input_dim != d_model:
        # it takes keys and values of another size, but no queries: those are projected beforehand
        query = F.linear(x, q, shift[:d_model])
        bias = torch.cat([torch.zeros_like(shift[:d_model]), shift[d_model:]])
        own = torch.eye(d_model, dtype=x.dtype)
        projections = {"q_proj_weight": own, "k_proj_weight": k, "v_proj_weight": v}
    else:
        query, bias, projections = x, shift, {"in_proj_weight": stacked.weight}
    out_bias = torch.zeros(d_model, dtype=x.dtype) if out_layer.bias is None else out_layer.bias
    out = {"out_proj.weight": out_layer.weight, "out_proj.bias": out_bias}
    state = {**projections, "in_proj_bias": bias, **out}
    # detached, since a parameter that is handed over would be told to ask for gradients
    module.load_state_dict({name: each.detach() for name, each in state.items()}, assign=True)
    hidden = mask.expand(-1, num_heads, -1, -1).flatten(0, 1)
    return module.eval()(query, x, x, attn_mask=hidden, average_attn_weights=False)  # type: ignore[no-any-return]


def attend_in_one_call(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """batch head query head_dim and twice batch head key head_dim -> batch head query head_dim."""
    # the mask's True hides; here True keeps
    return F.scaled_dot_product_attention(q, k, v, attn_mask=~mask)


def sum_rows(weights: Tensor) -> Tensor:
    """batch head query key -> batch head query: each query's weights, added over its keys in float64."""
    return weights.double().sum(dim=-1)


def change_last(rerun: Rerun, x: Tensor, last: Tensor) -> Tensor:
    """batch token input_dim, and each item's last token -> batch query d_model with that token changed."""
    items = torch.arange(len(x), device=x.device)
    changed = x.clone()
    changed[items, last] = 1 - changed[items, last]
    return rerun(changed)["out"]


def reorder(rerun: Rerun, x: Tensor, mask: Tensor, order: Tensor) -> Tensor:
    """batch token input_dim -> batch query d_model of reordered tokens, each row put back in its place."""
    # the mask goes along, so that every token still sees the same others
    moved = rerun(x[:, order], mask=mask[:, :, order][..., order])
    return moved["out"][:, order.argsort()]


def change_head(rerun: Rerun, qkv: Tensor, columns: Tensor) -> Tensor:
    """qkv, and the columns that hold one head's q, k and v -> batch query (head head_dim), these halved."""
    changed = qkv.clone()
    changed[..., columns] /= 2
    return rerun(qkv=changed)["concat"]


def add_heads(context: Tensor, out_layer: nn.Linear) -> Tensor:
    """batch head query head_dim -> batch query d_model: every head through its own columns of out_layer."""
    columns = torch.split(out_layer.weight, context.shape[-1], dim=1)
    parts = [context[:, head] @ own.T for head, own in enumerate(columns)]
    total = torch.stack(parts).sum(dim=0)
    return total if out_layer.bias is None else total + out_layer.bias


def find_unwanted(tensor: Tensor, meant: Tensor) -> Tensor:
    """Any tensor, and where it may be infinite or NaN -> where it is and may not be."""
    return ~tensor.isfinite() & ~meant
