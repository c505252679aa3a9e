"""The pages' own words: whole sentences with named places, in one place for a later catalogue."""

WORDS = {
    "title": "Multi-head attention explorer",
    "skip": "Skip to the picture",
    "preset": "Start from",
    "more": "More settings",
    "text_label": "Your words (each line is a batch item)",
    "lengths_label": "lengths, such as 5, 3",
    "given_by_text": "The text decides this: its lines and the words of the longest line.",
    "group_sizes": "Sizes",
    "group_input": "Input",
    "group_weights": "Weights",
    "group_rest": "Mask and numbers",
    "shown_instead": "{reason} The page shows {setting} {value}.",
    "kept_instead": "{reason} The page keeps the last view.",
    "not_a_number": "{setting} {value!r} is not a number; it may be {low} to {high}.",
    "not_a_switch": "{setting} {value!r} is neither true nor false.",
    "not_lengths": "lengths {value!r} must be whole numbers with commas between them, such as 5, 3.",
    "no_preset": "There is no preset {value!r}; there are {known}.",
    "unknown_keys": "The link names {unknown}, which this explorer does not know. Everything else in it is shown.",
    "other_version": "The link is of version {value!r}; this explorer reads version 1.",
    "no_batch": "There is no batch item {value!r}; there are 0 to {last}. Item 0 is shown.",
    "no_view": "The link's {key} {value!r} is not one of {known}; it is left out.",
    "no_lens": "The link's lens {value!r} is not a sheet and a column, such as 0.12; it is left out.",
    "repeated": "The link names {key} more than once; the last one, {value!r}, counts.",
    "wholly_hidden": "Batch item {item} has length 0: every key is hidden from every query, and the softmax of a row that is "
    "wholly −∞ is NaN, not a number.",
    "alike": "{first} and {second} are both {size}: mixing up these two axes would not show in a shape.",
    "running": "{title} ({operations} multiplications in all). A changed setting stops this.",
    "too_large": "This run would hold about {needed}, and {allowed} are allowed here. A batch_size of {fits} would "
    "fit. The page keeps the last view.",
    "far_too_large": "This run would hold about {needed}, and {allowed} are allowed here. A smaller input_dim, d_model "
    "or sequence_length would fit. The page keeps the last view.",
    "walkthrough": "Walk one real input through multi-head attention: every block is a tensor, painted with its true values. "
    "Pick a block to open it, and any cell to follow its number.",
    "layouts": "The columns of qkv can be laid out in two ways: q, k, v of head 0, then of head 1 (per_head), or all q, "
    "then all k, then all v (stacked). Code for the one runs on weights of the other without a complaint: "
    "every shape agrees, and the answer does not.",
    "layouts_proof": "Put in the other order and run with the other layout's code, the same weights give the same `out`: "
    "the largest difference is **{equal}** ({dtype}). Read in the wrong order, `out` differs by up to **{wrong}**.",
    "layouts_first": "The first number that differs, ringed: {cell} is {mine} as written and {theirs} read the other way. "
    "The largest difference in this tensor is {largest}.",
    "layouts_equal": "Every number of this tensor is the same on both sides.",
    "layouts_too_large": "This page makes three runs, which would hold too much at these sizes. A smaller batch_size, "
    "input_dim or d_model fits.",
    "layouts_same": "With one head the two layouts are the same order: choose num_heads 2 or more to see them differ.",
    "layouts_right": "Read as they were written",
    "layouts_right_text": "The run of the settings above: the weights stand in the order {layout}, and the code reads them "
    "in that order.",
    "layouts_misread": "Read the other way",
    "layouts_misread_text": "The same code and the same weights, but their rows stand in the other order, as another library "
    "would have stored them.",
}
