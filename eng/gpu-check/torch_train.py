"""Steps per second of PyTorch, eager: the networks, batches and optimizers of SpeedChecks.cs, with the optimizer that is fastest there.
Usage: torch_train.py NAME SECONDS. Prints one line of JSON."""
import contextlib
import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
is_on_gpu = device.type == "cuda"
torch.manual_seed(0)


def optimizer(kind, parameters, rate, betas=(0.9, 0.999), decay=0.0):
    return kind(parameters, rate, betas, weight_decay=decay, fused=is_on_gpu)


def cast(dtype):
    return torch.autocast(device.type, dtype) if dtype else contextlib.nullcontext()


def vae():
    """The network of Kingma, Welling 2013: 784-400-20-400-784."""
    e1, mean, logvar, d1, d2 = (nn.Linear(a, b, device=device) for a, b in ((784, 400), (400, 20), (400, 20), (20, 400), (400, 784)))
    parameters = [p for m in (e1, mean, logvar, d1, d2) for p in m.parameters()]
    opt = optimizer(torch.optim.Adam, parameters, 1e-3)
    rows = torch.randint(0, 256, (10240, 784), dtype=torch.uint8)

    def step():
        x = rows[torch.randint(0, len(rows), (128,))].to(device, non_blocking=True).float() / 255
        opt.zero_grad(set_to_none=True)
        h = F.relu(e1(x))
        m, l = mean(h), logvar(h)
        y = d2(F.relu(d1(m + torch.randn_like(m) * torch.exp(0.5 * l))))
        loss = (F.binary_cross_entropy_with_logits(y, x, reduction="sum") - 0.5 * torch.sum(1 + l - m * m - l.exp())) / 128
        loss.backward()
        opt.step()

    return step


class Block(nn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads = heads
        self.l1, self.l2 = nn.LayerNorm(width, bias=bias), nn.LayerNorm(width, bias=bias)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=bias), nn.Linear(width, width, bias=bias)
        self.up, self.down = nn.Linear(width, 4 * width, bias=bias), nn.Linear(4 * width, width, bias=bias)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.l1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(a.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.l2(x)), approximate="tanh"))


def gpt(layers=4, heads=4, width=128, context=64, batch=12, vocabulary=65, bias=False, dtype=None):
    tokens, places = nn.Embedding(vocabulary, width, device=device), nn.Embedding(context, width, device=device)
    nn.init.normal_(tokens.weight, 0, 0.02)
    blocks, last = nn.Sequential(*[Block(width, heads, bias) for _ in range(layers)]).to(device), nn.LayerNorm(width, device=device)
    parameters = [p for m in (tokens, places, blocks, last) for p in m.parameters()]
    opt = optimizer(torch.optim.AdamW, parameters, 1e-3, (0.9, 0.99), 0.1)
    text, position = torch.randint(0, vocabulary, (500_000,)), torch.arange(context, device=device)

    def step():
        starts = torch.randint(0, len(text) - context - 1, (batch,))
        x = torch.stack([text[s:s + context + 1] for s in starts.tolist()])
        x = (x.pin_memory() if is_on_gpu else x).to(device, non_blocking=True)
        opt.zero_grad(set_to_none=True)
        with cast(dtype):
            h = last(blocks(tokens(x[:, :-1]) + places(position)))
            logits = F.linear(h, tokens.weight)
        F.cross_entropy(logits.float().view(-1, vocabulary), x[:, 1:].reshape(-1)).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        opt.step()

    return step


def gpt2(dtype=None):
    return gpt(12, 12, 768, 1024, 8, 50257, True, dtype)


class Residual(nn.Module):
    def __init__(self, i, o, t):
        super().__init__()
        self.n1, self.c1, self.t = nn.GroupNorm(8, i), nn.Conv2d(i, o, 3, 1, 1), nn.Linear(t, o)
        self.n2, self.c2 = nn.GroupNorm(8, o), nn.Conv2d(o, o, 3, 1, 1)
        self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x, t):
        h = self.c1(F.silu(self.n1(x))) + self.t(F.silu(t))[:, :, None, None]
        return self.skip(x) + self.c2(F.silu(self.n2(h)))


class UNet(nn.Module):
    """32×32×1, widths 32-64-128, one residual block a level down and two up, self-attention in the middle."""

    def __init__(self, widths=(32, 64, 128), time=128):
        super().__init__()
        self.widths = widths
        self.time = nn.Sequential(nn.Linear(widths[0], time), nn.SiLU(), nn.Linear(time, time))
        self.first = nn.Conv2d(1, widths[0], 3, 1, 1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        c, skips = widths[0], [widths[0]]
        for k, o in enumerate(widths):
            self.down.append(Residual(c, o, time))
            c = o
            skips.append(c)
            if k < len(widths) - 1:
                self.shrink.append(nn.Conv2d(c, c, 3, 2, 1))
                skips.append(c)
        self.m1, self.m2 = Residual(c, c, time), Residual(c, c, time)
        self.norm, self.qkv, self.out = nn.GroupNorm(8, c), nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for k, o in reversed(list(enumerate(widths))):
            self.up.append(nn.ModuleList([Residual(c + skips.pop(), o, time), Residual(o + skips.pop(), o, time)]))
            c = o
            if k > 0:
                self.grow.append(nn.Conv2d(c, c, 3, 1, 1))
        self.last_norm, self.last = nn.GroupNorm(8, c), nn.Conv2d(c, 1, 3, 1, 1)

    def forward(self, x, t):
        half = self.widths[0] // 2
        angles = t[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half, device=x.device) / half)[None]
        t = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        h = self.first(x)
        skips = [h]
        for k, block in enumerate(self.down):
            h = block(h, t)
            skips.append(h)
            if k < len(self.shrink):
                h = self.shrink[k](h)
                skips.append(h)
        h = self.m1(h, t)
        b, c, height, width = h.shape
        q, k_, v = self.qkv(self.norm(h).flatten(2).transpose(1, 2)).chunk(3, -1)
        h = h + self.out(F.scaled_dot_product_attention(q, k_, v)).transpose(1, 2).reshape(b, c, height, width)
        h = self.m2(h, t)
        for k, blocks in enumerate(self.up):
            for block in blocks:
                h = block(torch.cat([h, skips.pop()], 1), t)
            if k < len(self.grow):
                h = self.grow[k](F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return self.last(F.silu(self.last_norm(h)))


def ddpm(dtype=None):
    net = UNet().to(device)
    opt = optimizer(torch.optim.AdamW, net.parameters(), 2e-4, decay=0.01)
    rows = torch.randint(0, 256, (3200, 1, 32, 32), dtype=torch.uint8)
    cumulative = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, device=device), 0)

    def step():
        x = rows[torch.randint(0, len(rows), (32,))].to(device, non_blocking=True).float() / 127.5 - 1
        opt.zero_grad(set_to_none=True)
        t, noise = torch.randint(0, 1000, (32,), device=device), torch.randn_like(x)
        a = cumulative[t][:, None, None, None]
        with cast(dtype):
            found = net(a.sqrt() * x + (1 - a).sqrt() * noise, t)
        F.mse_loss(found.float(), noise).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()

    return step


def dcgan(width=64, latent=100, batch=64):
    """Radford et al. 2016 at 32×32×1: a step of each network."""
    g = nn.Sequential(
        nn.ConvTranspose2d(latent, width * 4, 4, 1, 0, bias=False), nn.BatchNorm2d(width * 4), nn.ReLU(True),
        nn.ConvTranspose2d(width * 4, width * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(width * 2), nn.ReLU(True),
        nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
        nn.ConvTranspose2d(width, 1, 4, 2, 1, bias=False), nn.Tanh()).to(device)
    d = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True),
        nn.Conv2d(width, width * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(width * 2), nn.LeakyReLU(0.2, True),
        nn.Conv2d(width * 2, width * 4, 4, 2, 1, bias=False), nn.BatchNorm2d(width * 4), nn.LeakyReLU(0.2, True),
        nn.Conv2d(width * 4, 1, 4, 1, 0, bias=False)).to(device)
    og, od = (optimizer(torch.optim.Adam, n.parameters(), 2e-4, (0.5, 0.999)) for n in (g, d))
    rows = torch.randint(0, 256, (6400, 1, 32, 32), dtype=torch.uint8)

    def step():
        x = rows[torch.randint(0, len(rows), (batch,))].to(device, non_blocking=True).float() / 127.5 - 1
        with torch.no_grad():
            generated = g(torch.randn(batch, latent, 1, 1, device=device))
        od.zero_grad(set_to_none=True)
        (F.softplus(-d(x)).mean() + F.softplus(d(generated)).mean()).backward()
        od.step()
        og.zero_grad(set_to_none=True)
        for p in d.parameters():
            p.requires_grad_(False)
        F.softplus(-d(g(torch.randn(batch, latent, 1, 1, device=device)))).mean().backward()
        for p in d.parameters():
            p.requires_grad_(True)
        og.step()

    return step


def measure(name, seconds):
    base, _, kind = name.partition("-")
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    bf16 = {"dtype": torch.bfloat16} if kind == "bf16" else {}
    step = {"vae": vae, "gpt": gpt, "gpt2": gpt2, "ddpm": ddpm, "dcgan": dcgan}[base](**bf16)
    wait = torch.cuda.synchronize if is_on_gpu else (lambda: None)
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds / 4:
        step()
        wait()
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(4):
            step()
        steps += 4
        wait()
    took = time.perf_counter() - begin
    print(json.dumps({"peer": "PyTorch " + torch.__version__, "steps_per_s": round(steps / took, 2), "steps": steps, "device": str(device)}))


measure(sys.argv[1], float(sys.argv[2]))
