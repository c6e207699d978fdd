# The usual PyTorch loop without a seed.
import torch
from torch import nn

X = torch.randn(256, 10)
y = (X.sum(1) > 0).float()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(20):
    opt.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(X)[:, 0], y)
    loss.backward()
    opt.step()
print("loss", loss.item())
torch.save(model.state_dict(), "model.pt")
