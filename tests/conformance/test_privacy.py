from runward.testing.privacy import PrivacySuite


class TestPrivacy(PrivacySuite):
    pass
