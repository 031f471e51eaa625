using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Common;

/// <summary>Interpolates between two normal samples along a great circle, on which the norm is kept (Shoemake 1985).</summary>
internal static class SphericalInterpolation
{
    /// <summary>Points between two samples, along the first dimension.</summary>
    /// <param name="from">The first point, [1, ..].</param>
    /// <param name="to">The last point.</param>
    /// <param name="start">The first point to compute.</param>
    /// <param name="rows">The number of points to compute.</param>
    /// <param name="count">Points in all, both ends included.</param>
    public static Tensor Points(Tensor from, Tensor to, int start, int rows, int count) =>
        cat([.. Enumerable.Range(start, rows).Select(i => Point(from, to, i / (count - 1.0)))], 0);

    private static Tensor Point(Tensor from, Tensor to, double part)
    {
        double cosine = ((from * to).sum() / (from.norm() * to.norm())).ToDouble();
        double angle = Math.Acos(Math.Clamp(cosine, -1, 1));
        if (angle < 1e-4)
            return lerp(from, to, part);
        return from.Times(Math.Sin((1 - part) * angle) / Math.Sin(angle)).Plus(to, Math.Sin(part * angle) / Math.Sin(angle));
    }
}
