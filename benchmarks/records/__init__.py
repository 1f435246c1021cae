"""Records: a network and its recipes, of the classes and the options that every user has."""
