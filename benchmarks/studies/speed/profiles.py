"""Where the time of an epoch goes, by PyTorch's profiler."""

from benchmarks.studies.speed.competitors import COMPETITORS, Task

# PyTorch's names of operations, by what they are for.
PARTS = {
    "matrix products": ("aten::mm", "aten::addmm", "mkldnn::_linear_pointwise"),
    "convolutions": ("aten::mkldnn_convolution", "aten::convolution_backward"),
    "max-pool": (
        "aten::max_pool2d_with_indices",
        "aten::max_pool2d_with_indices_backward",
        # Ours, by kernels.
        "_MaxPool",
        "_MaxPoolBackward",
    ),
    "batch norm": ("aten::native_batch_norm", "aten::native_batch_norm_backward"),
    "activations": (
        "aten::threshold_backward",
        "aten::clamp_min",
        "aten::clamp_min_",
        "aten::relu",
        "aten::relu_",
    ),
    "fetching batches": ("aten::index_select", "aten::index"),
    "casts and copies": ("aten::copy_", "aten::_to_copy", "aten::to"),
    "optimizer": ("aten::_fused_adam_", "aten::_fused_adamw_"),
}
REST = "everything else"


def shares(competitor, task):
    """Return the shares of an epoch's time by purpose, in per cent.

    What a kernel of ours takes counts as its operation's; what Python does between operations
    is no operation, and counts as the rest.
    """
    from torch.profiler import ProfilerActivity, profile

    run = COMPETITORS[competitor].prepare(Task(**task))
    run()
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        run()
    events = watched.events()
    times = {event.key: event.self_cpu_time_total for event in watched.key_averages()}
    whole = max(e.time_range.end for e in events) - min(e.time_range.start for e in events)
    found = {
        part: round(100 * sum(times.get(name, 0) for name in names) / whole, 1)
        for part, names in PARTS.items()
    }
    return found | {REST: round(100 - sum(found.values()), 1)}
