"""TensorFlow's work: training and decoding, on CPUs, GPUs, TPUs and clusters."""
