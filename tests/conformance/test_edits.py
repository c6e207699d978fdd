from runward.testing.edits import EditsSuite


class TestEdits(EditsSuite):
    pass
