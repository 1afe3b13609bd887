"""From a file or an array to exact ids; one module for each kind of input."""
