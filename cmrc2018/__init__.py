"""What CMRC 2018 does differently from SQuAD; the data files themselves lie in this folder, too.

Cui et al., "A Span-Extraction Dataset for Chinese Machine Reading Comprehension", EMNLP 2019.
"""
