import argparse
import os
import numpy as np
import torch
import torch.nn as nn
from torchvision import datasets, transforms

parser = argparse.ArgumentParser()
parser.add_argument('--dataset', required=True, help='folder | fake')
parser.add_argument('--dataRoot', help='where the images are')
parser.add_argument('--imageSize', type=int, default=64, help='height and width')
parser.add_argument('--niter', type=int, default=25, help='passes over the data')
opt = parser.parse_args()

if opt.dataRoot is None and opt.dataset != 'fake':
    raise ValueError("--dataRoot is required for dataset %s" % opt.dataset)

dataSet = datasets.FakeData() if opt.dataset == 'fake' else datasets.ImageFolder(opt.dataRoot)
dataLoader = torch.utils.data.DataLoader(dataSet, batch_size=64)

def weightsInit(m):
    torch.nn.init.normal_(m.weight, 0.0, 0.02)

netG = nn.Linear(100, opt.imageSize).cuda()
netD = nn.Linear(opt.imageSize, 1).cuda()
optimizerG = torch.optim.Adam(netG.parameters())

for epoch in range(opt.niter):
    for i, data in enumerate(dataLoader):
        netG.zero_grad()
        fake = netG(torch.randn(64, 100).cuda())
        errG = netD(fake).mean()
        errG.backward()
        optimizerG.step()
        print('[%d/%d] %.4f %.4f %.4f' % (epoch, i, errG.item(), fake.mean().item(), fake.std().item()))
