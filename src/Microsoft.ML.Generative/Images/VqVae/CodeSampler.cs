using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.VqVae;

/// <summary>Samples grids of codes from a prior, code by code, many grids at a time.</summary>
internal static class CodeSampler
{
    /// <summary>Samples the grids numbered from <paramref name="first"/> on; each depends on the seed and its number alone.</summary>
    /// <returns>[count · codes of a grid], Int64, grid after grid.</returns>
    public static long[] Sample(
        CodePriorNetwork prior, CodeGrid grid, long seed, int first, int count, double temperature, torch.Device device, Action checkAlive)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        RowRandom[] random = [.. Enumerable.Range(first, count).Select(n => new RowRandom(seed, n))];
        AttentionCache[] cache = prior.NewCache(count);
        long[] grids = new long[checked(count * grid.Size)];
        long[] previous = new long[count];
        for (int position = 0; position < grid.Size; position++)
        {
            checkAlive();
            using DisposeScope step = torch.NewDisposeScope();
            torch.Tensor? before = position == 0 ? null : torch.tensor(previous, device: device);
            float[] logits = FiniteValues.ToArray(prior.Next(before, position, cache), "A logit of the prior");
            int codes = logits.Length / count;
            for (int i = 0; i < count; i++)
            {
                previous[i] = Choose(logits.AsSpan(i * codes, codes), temperature, ref random[i]);
                grids[i * grid.Size + position] = previous[i];
            }
        }

        return grids;
    }

    /// <summary>
    /// Samples an index with probability proportional to exp(logit / temperature); at temperature 0 the first of the most probable.
    /// </summary>
    public static int Choose(ReadOnlySpan<float> logits, double temperature, ref RowRandom random)
    {
        float highest = System.Numerics.Tensors.TensorPrimitives.Max(logits);
        if (temperature == 0)
            return logits.IndexOf(highest);

        Span<double> sums = logits.Length <= 512 ? stackalloc double[logits.Length] : new double[logits.Length];
        double sum = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            sum += Math.Exp((logits[i] - highest) / temperature);
            sums[i] = sum;
        }

        double threshold = random.NextDouble() * sum;
        int chosen = 0;
        while (sums[chosen] <= threshold)
            chosen++;
        return chosen;
    }
}
