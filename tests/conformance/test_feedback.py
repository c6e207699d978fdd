from runward.testing.feedback import FeedbackSuite


class TestFeedback(FeedbackSuite):
    pass
