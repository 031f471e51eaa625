using Microsoft.ML.Generative.Images.Diffusion.Networks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// diffusers' UNet2DModel a second time, written down step by step over a dictionary of weights: sizes of images are doubled before they
/// are convolved, products are plain matrices, and nothing is shared with the library's own network.
/// </summary>
internal sealed class ReferenceUNet(UNetArchitecture config, IReadOnlyDictionary<string, Tensor> weights)
{
    public Tensor Forward(Tensor x, Tensor time, Tensor? labels = null)
    {
        if (config.CenterInputSample)
            x = 2 * x - 1;
        Tensor embedding = Linear(F.silu(Linear(TimeVector(time), "time_embedding.linear_1")), "time_embedding.linear_2");
        if (config.ClassCount > 0)
            embedding += weights["class_embedding.weight"][labels!];

        x = Convolve(x, "conv_in");
        List<Tensor> skips = [x];
        for (int level = 0; level < config.Levels; level++)
        {
            string block = $"down_blocks.{level}";
            for (int i = 0; i < config.LayersPerBlock; i++)
            {
                x = Residual(x, embedding, $"{block}.resnets.{i}");
                if (config.DownBlocks[level] == UNetBlockKind.Attention)
                    x = Attend(x, $"{block}.attentions.{i}", config.NormGroups);
                skips.Add(x);
            }

            if (level == config.Levels - 1)
                continue;
            if (weights.ContainsKey($"{block}.downsamplers.0.conv1.weight"))
                x = Residual(x, embedding, $"{block}.downsamplers.0", halves: true);
            else if (config.DownsamplePadding == 0)
                x = Convolve(F.pad(x, [0L, 1, 0, 1]), $"{block}.downsamplers.0.conv", stride: 2, padding: 0);
            else
                x = Convolve(x, $"{block}.downsamplers.0.conv", stride: 2);
            skips.Add(x);
        }

        if (config.HasMidBlock)
        {
            x = Residual(x, embedding, "mid_block.resnets.0", config.MidBlockScaleFactor);
            if (config.HasMidAttention)
                x = Attend(x, "mid_block.attentions.0", config.MidAttentionNormGroups ?? config.NormGroups, config.MidBlockScaleFactor);
            x = Residual(x, embedding, "mid_block.resnets.1", config.MidBlockScaleFactor);
        }

        for (int step = 0; step < config.Levels; step++)
        {
            string block = $"up_blocks.{step}";
            for (int i = 0; i <= config.LayersPerBlock; i++)
            {
                x = Residual(cat([x, skips[^1]], 1), embedding, $"{block}.resnets.{i}");
                skips.RemoveAt(skips.Count - 1);
                if (config.UpBlocks[step] == UNetBlockKind.Attention)
                    x = Attend(x, $"{block}.attentions.{i}", config.NormGroups);
            }

            if (step == config.Levels - 1)
                continue;
            x = weights.ContainsKey($"{block}.upsamplers.0.conv1.weight")
                ? Residual(x, embedding, $"{block}.upsamplers.0", doubles: true)
                : Convolve(Double(x), $"{block}.upsamplers.0.conv");
        }

        return Convolve(F.silu(Normalize(x, "conv_norm_out", config.NormGroups)), "conv_out");
    }

    private Tensor TimeVector(Tensor time)
    {
        if (config.LearnedTimesteps is not null)
            return weights["time_proj.weight"][time.to(int64)];
        int size = config.BlockOutChannels[0], half = size / 2;
        float[] values = new float[time.numel() * size];
        for (int row = 0; row < time.numel(); row++)
        {
            double t = time[row].ToDouble();
            for (int i = 0; i < half; i++)
            {
                double angle = t * Math.Exp(-Math.Log(10_000) * i / (half - config.FrequencyShift));
                values[row * size + i] = (float)(config.FlipSinToCos ? Math.Cos(angle) : Math.Sin(angle));
                values[row * size + half + i] = (float)(config.FlipSinToCos ? Math.Sin(angle) : Math.Cos(angle));
            }
        }

        return tensor(values).view(-1, size);
    }

    private Tensor Residual(Tensor x, Tensor embedding, string name, double scale = 1, bool halves = false, bool doubles = false)
    {
        Tensor h = Activate(Normalize(x, $"{name}.norm1", config.NormGroups));
        if (halves)
            (x, h) = (F.avg_pool2d(x, 2), F.avg_pool2d(h, 2));
        if (doubles)
            (x, h) = (Double(x), Double(h));
        h = Convolve(h, $"{name}.conv1");
        Tensor time = Linear(Activate(embedding), $"{name}.time_emb_proj").unsqueeze(2).unsqueeze(3);
        if (config.ScalesAndShifts)
        {
            long channels = h.size(1);
            h = Normalize(h, $"{name}.norm2", config.NormGroups) * (1 + time.narrow(1, 0, channels)) + time.narrow(1, channels, channels);
        }
        else
        {
            h = Normalize(h + time, $"{name}.norm2", config.NormGroups);
        }

        h = Convolve(Activate(h), $"{name}.conv2");
        if (weights.ContainsKey($"{name}.conv_shortcut.weight"))
            x = Convolve(x, $"{name}.conv_shortcut", padding: 0);
        return (x + h) / scale;
    }

    private Tensor Attend(Tensor x, string name, int groups, double scale = 1)
    {
        (long batch, long channels, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        Tensor h = weights.ContainsKey($"{name}.group_norm.weight") ? Normalize(x, $"{name}.group_norm", groups) : x;
        h = h.view(batch, channels, height * width).transpose(1, 2);
        Tensor q = Linear(h, $"{name}.to_q"), k = Linear(h, $"{name}.to_k"), v = Linear(h, $"{name}.to_v");
        int size = config.AttentionHeadSize ?? (int)channels;
        List<Tensor> heads = [];
        for (long start = 0; start < channels; start += size)
        {
            Tensor scores = q.narrow(2, start, size).matmul(k.narrow(2, start, size).transpose(1, 2)) / Math.Sqrt(size);
            heads.Add(scores.softmax(-1).matmul(v.narrow(2, start, size)));
        }

        h = Linear(cat(heads, 2), $"{name}.to_out.0").transpose(1, 2).reshape(batch, channels, height, width);
        return (h + x) / scale;
    }

    private Tensor Activate(Tensor x) => config.Activation switch
    {
        UNetActivation.Mish => x * F.softplus(x).tanh(),
        UNetActivation.Relu => x.clamp_min(0),
        UNetActivation.Gelu => x * 0.5 * (1 + erf(x / Math.Sqrt(2))),
        _ => x * x.sigmoid(),
    };

    private Tensor Normalize(Tensor x, string name, int groups)
    {
        Tensor g = x.reshape(x.size(0), groups, -1);
        Tensor mean = g.mean([2], keepdim: true), variance = (g - mean).square().mean([2], keepdim: true);
        Tensor normal = ((g - mean) / (variance + config.NormEpsilon).sqrt()).view(x.shape);
        return normal * weights[$"{name}.weight"].view(1, -1, 1, 1) + weights[$"{name}.bias"].view(1, -1, 1, 1);
    }

    private Tensor Convolve(Tensor x, string name, long stride = 1, long padding = 1) =>
        F.conv2d(x, weights[$"{name}.weight"], weights[$"{name}.bias"], [stride, stride], [padding, padding]);

    private Tensor Linear(Tensor x, string name) => x.matmul(weights[$"{name}.weight"].t()) + weights[$"{name}.bias"];

    private static Tensor Double(Tensor x) => x.repeat_interleave(2, 2).repeat_interleave(2, 3);
}
