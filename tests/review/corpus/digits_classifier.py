import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import datasets, transforms


class SmallNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(784, 64)
        self.layer2 = nn.Linear(64, 10)

    def forward(self, x):
        return F.log_softmax(self.layer2(F.relu(self.layer1(x.flatten(1)))), dim=1)


def train_epoch(args, model, device, loader, optimizer, epoch):
    model.train()
    for index, (images, labels) in enumerate(loader):
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        if index % args.log_every == 0:
            print('epoch {} batch {} loss {:.4f}'.format(
                epoch, index, loss.item()))


def main():
    parser = argparse.ArgumentParser(description='Digits')
    parser.add_argument('--batch-size', type=int, default=64, help='images in a batch')
    parser.add_argument('--epochs', type=int, default=5, help='passes over the data')
    parser.add_argument('--log-every', type=int, default=10, help='batches between two lines')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    transform=transforms.ToTensor()
    loader = torch.utils.data.DataLoader(datasets.MNIST('../data', download=True,
                       transform=transform), batch_size=args.batch_size,num_workers=2)
    model = SmallNet().to(device)
    optimizer = torch.optim.SGD( model.parameters(), lr = 0.1 )
    for epoch in range(args.epochs):
        train_epoch(args, model, device, loader, optimizer, epoch)


if __name__ == '__main__':
    main()
