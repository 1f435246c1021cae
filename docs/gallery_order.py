"""In which order the examples stand."""

# First what most people come for.
ORDER = (
    "grid_search_an_architecture",
    "how_many_neurons",
    "compare_results_on_one_page",
    "stop_at_a_target",
    "a_photograph_of_your_own",
    "where_does_it_fail",
    "calibrated_probabilities",
    "cnn_in_a_pipeline_with_smote",
    "weights_samplers_or_losses",
    "stack_a_net_with_a_forest",
    "your_own_net_of_two_branches",
    "a_forest_on_two_nets",
    "augmentation",
    "would_more_images_help",
    "learn_from_few_labels",
    "pipeline_to_a_file_without_pytorch",
    "compare_runs_in_tensorboard",
    "which_pixels_mattered",
    "what_the_net_sees",
    "find_wrong_labels",
    "fairlearn_with_a_net",
)


class FromSimpleToSpecial:
    """A sort key of sphinx-gallery's; an example that is not named above is an error."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __call__(self, filename):
        """Return the place of a file."""
        return ORDER.index(filename.removeprefix("plot_").removesuffix(".py"))
