using System.Buffers;
using System.Numerics.Tensors;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Resizes images with a triangle filter (bilinear) that grows with the reduction, so that every pixel counts and fine patterns do not
/// turn into coarse ones; what Pillow and PyTorch call bilinear with antialiasing.
/// Why that matters for generative models: G. Parmar, R. Zhang, J.-Y. Zhu, "On aliased resizing and surprising subtleties in GAN
/// evaluation", 2022.
/// </summary>
internal static class ImageResampler
{
    private const int Colors = 3;

    /// <summary>Writes resized pixels into planes.</summary>
    /// <param name="pixels">The pixels.</param>
    /// <param name="width">Columns to write.</param>
    /// <param name="height">Rows to write.</param>
    /// <param name="planes">Where they begin within planes of <paramref name="shape"/>.</param>
    /// <param name="shape">1 channel for luma, or 3.</param>
    public static void Resample(PixelGrid pixels, int width, int height, Span<byte> planes, ImageShape shape)
    {
        var rowSize = Colors * width;
        var rented = ArrayPool<float>.Shared.Rent(checked((pixels.Height + 1) * rowSize));
        try
        {
            var rows = rented.AsSpan(0, pixels.Height * rowSize);
            var sum = rented.AsSpan(pixels.Height * rowSize, rowSize);
            ResampleRows(pixels, new FilterTaps(pixels.Width, width), rows);

            FilterTaps vertical = new(pixels.Height, height);
            for (var y = 0; y < height; y++)
            {
                sum.Clear();
                var weights = vertical.WeightsOf(y, out var first);
                for (var i = 0; i < weights.Length; i++)
                    TensorPrimitives.MultiplyAdd(rows.Slice((first + i) * rowSize, rowSize), weights[i], sum, sum);
                Store(sum, planes[(y * shape.Width)..], width, shape);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    // [source row, color, target column]
    private static void ResampleRows(PixelGrid pixels, FilterTaps taps, Span<float> rows)
    {
        for (var y = 0; y < pixels.Height; y++)
        {
            var start = pixels.Start + y * pixels.StepY;
            var row = rows.Slice(y * Colors * taps.Count, Colors * taps.Count);
            for (var x = 0; x < taps.Count; x++)
            {
                var weights = taps.WeightsOf(x, out var first);
                var at = start + first * pixels.StepX;
                float red = 0, green = 0, blue = 0;
                foreach (var weight in weights)
                {
                    var pixel = pixels.Bytes.Slice(at, Colors);
                    red += weight * pixel[0];
                    green += weight * pixel[1];
                    blue += weight * pixel[2];
                    at += pixels.StepX;
                }
                (row[x], row[taps.Count + x], row[2 * taps.Count + x]) = (red, green, blue);
            }
        }
    }

    private static void Store(ReadOnlySpan<float> row, Span<byte> planes, int width, ImageShape shape)
    {
        if (shape.Channels == 1)
        {
            for (var x = 0; x < width; x++)
                planes[x] = Rounded(0.299f * row[x] + 0.587f * row[width + x] + 0.114f * row[2 * width + x]);
            return;
        }

        for (var color = 0; color < Colors; color++)
        {
            for (var x = 0; x < width; x++)
                planes[color * shape.Height * shape.Width + x] = Rounded(row[color * width + x]);
        }
    }

    private static byte Rounded(float value) => (byte)Math.Clamp(value + 0.5f, 0, 255);

    /// <summary>Which source pixels a target pixel is made of, along one axis.</summary>
    private readonly struct FilterTaps
    {
        private readonly float[] _weights;
        private readonly (int First, int Count)[] _taps;
        private readonly int _stride;

        public FilterTaps(int source, int target)
        {
            var scale = (double)source / target;
            var reach = Math.Max(1, scale);
            _stride = (int)Math.Ceiling(2 * reach) + 1;
            _weights = new float[checked(target * _stride)];
            _taps = new (int, int)[target];
            for (var i = 0; i < target; i++)
            {
                var center = (i + 0.5) * scale;
                var first = Math.Max(0, (int)(center - reach + 0.5));
                var count = Math.Min(source, (int)(center + reach + 0.5)) - first;
                var weights = _weights.AsSpan(i * _stride, count);
                for (var k = 0; k < count; k++)
                    weights[k] = (float)Math.Max(0, 1 - Math.Abs(first + k + 0.5 - center) / reach);
                TensorPrimitives.Divide(weights, TensorPrimitives.Sum<float>(weights), weights);
                _taps[i] = (first, count);
            }
        }

        public int Count => _taps.Length;

        public ReadOnlySpan<float> WeightsOf(int target, out int first)
        {
            (first, var count) = _taps[target];
            return _weights.AsSpan(target * _stride, count);
        }
    }
}
