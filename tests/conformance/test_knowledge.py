from runward.testing.knowledge import KnowledgeSuite


class TestKnowledge(KnowledgeSuite):
    pass
