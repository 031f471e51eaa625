using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A point of the plane, and which of the distributions it was drawn from.</summary>
internal sealed class PlanePoint
{
    [VectorType(2)]
    public float[] Features { get; set; } = [];

    [KeyType(8)]
    public uint Label { get; set; }
}

internal static class GanRows
{
    public const int Modes = 8;

    /// <summary>The center of one of eight Gaussians on the unit circle.</summary>
    public static (double X, double Y) Centre(int mode) => Math.SinCos(2 * Math.PI * mode / Modes);

    /// <summary>Points of all eight in turn.</summary>
    public static PlanePoint[] Ring(int count, double radius = 1, double deviation = 0.05)
    {
        float[] noise = new float[2 * count];
        RowNoise.Fill(noise, new RowRandom(1, 1));
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var (x, y) = Centre(i % Modes);
            return new PlanePoint
            {
                Features = [(float)(radius * x + deviation * noise[2 * i]), (float)(radius * y + deviation * noise[2 * i + 1])],
                Label = (uint)(i % Modes) + 1,
            };
        })];
    }
}
