"""
Trains a small language model on one device.

$ python settings_at_top.py --batch_size=8
"""
import os, sys
import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel as DDP

out_dir = 'out'
max_iters = 1000 # steps in all
batch_size = 12 # sequences in a step
block_size = 256 # tokens in a sequence
grad_accum_steps = 4 # simulates larger batches
learning_rate = 6e-4
device = 'cuda'
exec(open('overrides.py').read()) # from the command line

data_dir = os.path.join('data', 'books')
def get_batch(split):
    data = np.memmap(os.path.join(data_dir, split + '.bin'), dtype=np.uint16, mode='r')
    ix = torch.randint(len(data)-block_size, (batch_size,))
    x = torch.stack([torch.from_numpy(data[i:i+block_size].astype(np.int64)) for i in ix])
    return x.pin_memory().to(device, non_blocking=True)

model = torch.nn.Embedding(256, 64).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
for iter_num in range(max_iters):
    for micro_step in range(grad_accum_steps):
        X = get_batch('train')
        with torch.autocast(device_type='cuda'):
            loss = model(X).mean() / grad_accum_steps
        loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if iter_num % 100 == 0: print(iter_num, loss.item())
