from runward.testing.documents import DocumentsSuite


class TestDocuments(DocumentsSuite):
    pass
