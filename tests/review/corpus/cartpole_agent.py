# a page of the documentation has the results
import random
import time
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import tyro


@dataclass
class Args:
    env_id: str = "CartPole-v1"
    """the environment"""
    seed: int = 1
    """of all random generators"""
    cuda: bool = True
    """use the accelerator if there is one"""
    total_timesteps: int = 500000
    """steps of the whole experiment"""
    num_envs: int = 4
    """environments in parallel"""
    learning_rate: float = 2.5e-4
    """of the optimizer"""


def make_env(env_id, index):
    def thunk():
        env = gym.make(env_id)
        return gym.wrappers.RecordEpisodeStatistics(env)

    return thunk


class Agent(nn.Module):
    def __init__(self, envs):
        super().__init__()
        self.actor = nn.Linear(np.array(envs.single_observation_space.shape).prod(), envs.single_action_space.n)

    def get_action(self, x):
        return self.actor(x).argmax(dim=1)


if __name__ == "__main__":
    args = tyro.cli(Args)
    run_name = f"{args.env_id}__{args.seed}__{int(time.time())}"
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() and args.cuda else "cpu")
    envs = gym.vector.SyncVectorEnv([make_env(args.env_id, i) for i in range(args.num_envs)])
    assert isinstance(envs.single_action_space, gym.spaces.Discrete), "only discrete actions"
    agent = Agent(envs).to(device)
    optimizer = optim.Adam(agent.parameters(), lr=args.learning_rate)
    obs, _ = envs.reset(seed=args.seed)
    for global_step in range(args.total_timesteps):
        actions = agent.get_action(torch.Tensor(obs).to(device)).cpu().numpy()
        obs, rewards, terminations, truncations, infos = envs.step(actions)
        loss = agent.actor(torch.Tensor(obs).to(device)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if global_step % 100 == 0:
            print(run_name, global_step, loss.item())
