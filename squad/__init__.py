"""Everything that knows SQuAD's format; the data files themselves lie in this folder, too."""
