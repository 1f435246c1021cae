"""In which order the examples of a group stand; groups stand in that of their folders' names."""

# First what most people come for.
ORDER = (
    "a_net_in_a_pipeline",
    "search_architectures",
    "imbalance_and_fairness",
    "grid_search_an_architecture",
    "how_many_neurons",
    "stop_at_a_target",
    "your_own_net_of_two_branches",
    "would_more_images_help",
    "a_photograph_of_your_own",
    "augmentation",
    "learn_from_few_labels",
    "find_wrong_labels",
    "a_study_of_rare_classes",
    "weights_samplers_or_losses",
    "cnn_in_a_pipeline_with_smote",
    "fairlearn_with_a_net",
    "where_does_it_fail",
    "calibrated_probabilities",
    "which_pixels_mattered",
    "same_prediction_in_any_company",
    "callbacks_of_scikit_learn",
    "resume_a_killed_fit",
    "a_file_that_runs_no_code",
    "pipeline_to_a_file_without_pytorch",
    "a_net_in_c",
    "drift_fed_back_into_the_prior",
)


class FromSimpleToSpecial:
    """A sort key of sphinx-gallery's; an example that is not named above is an error."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __call__(self, filename):
        """Return the place of a file."""
        return ORDER.index(filename.removeprefix("plot_").removesuffix(".py"))
