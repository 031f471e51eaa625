using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Convolutions of images with few channels, their transposes and the gradients of their weights, as matrix products of the values that
/// each pixel depends on. An image is one thread's work, and what its columns take stays in the cache.
/// </summary>
internal static unsafe class ColumnConvolution
{
    private const int Lanes = MatrixKernel.Lanes;

    // Images whose products are added up together, so that the sums do not depend on the number of threads.
    private const int MostParts = 32;

    /// <summary>features = w ∗ images + b.</summary>
    /// <param name="images">[batch, channels, height, width].</param>
    /// <param name="w">[features, channels, side, side].</param>
    /// <param name="bias">[features], or null.</param>
    /// <param name="features">[batch, features, rows, columns].</param>
    /// <param name="shape">The sizes.</param>
    public static void Reduce(float* images, float* w, float* bias, float* features, ConvolutionShape shape) =>
        Run(new Work { Images = images, Weights = w, Biases = bias, Features = features, Shape = shape }, &Reduce);

    /// <summary>The transpose: of the features, the images.</summary>
    /// <param name="features">[batch, features, rows, columns].</param>
    /// <param name="w">[features, channels, side, side].</param>
    /// <param name="bias">[channels], or null.</param>
    /// <param name="images">[batch, channels, height, width].</param>
    /// <param name="shape">The sizes.</param>
    public static void Expand(float* features, float* w, float* bias, float* images, ConvolutionShape shape) =>
        Run(new Work { Images = images, Weights = w, Biases = bias, Features = features, Shape = shape }, &Expand);

    /// <summary>The gradient of the weights, of either of the two.</summary>
    /// <param name="images">The images or their gradient, [batch, channels, height, width].</param>
    /// <param name="features">The features or their gradient, [batch, features, rows, columns].</param>
    /// <param name="weights">[features, channels, side, side].</param>
    /// <param name="shape">The sizes.</param>
    public static void WeightGradient(float* images, float* features, float* weights, ConvolutionShape shape)
    {
        int parts = Math.Clamp(shape.Batch, 1, MostParts), size = shape.PaddedFeatures * shape.PaddedTaps;
        float* sums = Allocate(parts * (nint)size);
        try
        {
            NativeMemory.Clear(sums, (nuint)parts * (nuint)size * sizeof(float));
            var work = new Work { Images = images, Features = features, Weights = sums, Shape = shape, Parts = parts };
            ThreadTeam.Run(parts, shape.Taps * shape.Pixels, &work, &AddImages);
            for (int feature = 0; feature < shape.Features; feature++)
            {
                for (int tap = 0; tap < shape.Taps; tap++)
                {
                    float sum = 0;
                    for (int part = 0; part < parts; part++)
                        sum += sums[(nint)part * size + feature * shape.PaddedTaps + tap];
                    weights[feature * shape.Taps + tap] = sum;
                }
            }
        }
        finally
        {
            NativeMemory.AlignedFree(sums);
        }
    }

    // With weights that fill whole vectors, [features, taps].
    private static void Run(Work work, delegate*<void*, long, long, void> kernel)
    {
        ConvolutionShape shape = work.Shape;
        float* padded = Allocate(shape.PaddedFeatures * (nint)shape.PaddedTaps);
        try
        {
            NativeMemory.Clear(padded, (nuint)shape.PaddedFeatures * (nuint)shape.PaddedTaps * sizeof(float));
            for (int feature = 0; feature < shape.Features; feature++)
                Copy(work.Weights + feature * shape.Taps, padded + feature * shape.PaddedTaps, shape.Taps);
            work.Weights = padded;
            ThreadTeam.Run(shape.Batch, shape.Taps * shape.Pixels, &work, kernel);
        }
        finally
        {
            NativeMemory.AlignedFree(padded);
        }
    }

    // Here the elements are images.
    private static void Reduce(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        ConvolutionShape shape = work.Shape;
        int pixels = shape.PaddedPixels;
        float* columns = Allocate((nint)(shape.Taps + shape.PaddedFeatures) * pixels), products = columns + (nint)shape.Taps * pixels;
        NativeMemory.Clear(columns, (nuint)(shape.Taps * pixels) * sizeof(float));
        bool isInPlace = shape.Pixels == pixels && shape.Features == shape.PaddedFeatures;
        for (long image = start; image < end; image++)
        {
            float* features = work.Features + (nint)image * shape.Features * shape.Pixels, to = isInPlace ? features : products;
            ReadColumns(work.Images + (nint)image * shape.ImageSize, shape, columns, pixels, 1);
            for (int feature = 0; feature < shape.Features && work.Biases != null; feature++)
                new Span<float>(to + feature * pixels, pixels).Fill(work.Biases[feature]);
            MatrixKernel.Multiply(
                ((nint)work.Weights, shape.PaddedTaps, 1), ((nint)columns, pixels, Lanes), ((nint)to, pixels), shape.PaddedFeatures,
                shape.Taps, pixels / Lanes, adds: work.Biases != null);
            for (int feature = 0; feature < shape.Features && !isInPlace; feature++)
                Copy(products + feature * pixels, features + (nint)feature * shape.Pixels, shape.Pixels);
        }

        NativeMemory.AlignedFree(columns);
    }

    // Here the elements are images.
    private static void Expand(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        ConvolutionShape shape = work.Shape;
        int pixels = shape.PaddedPixels;
        float* columns = Allocate((nint)(shape.PaddedTaps + shape.Features) * pixels), padded = columns + (nint)shape.PaddedTaps * pixels;
        for (long image = start; image < end; image++)
        {
            float* features = Padded(work, image, padded, shape.Features);
            MatrixKernel.Multiply(
                ((nint)work.Weights, 1, shape.PaddedTaps), ((nint)features, pixels, Lanes), ((nint)columns, pixels), shape.PaddedTaps,
                shape.Features, pixels / Lanes, adds: false);
            float* to = work.Images + (nint)image * shape.ImageSize;
            for (int channel = 0; channel < shape.Channels; channel++)
            {
                new Span<float>(to + (nint)channel * shape.Height * shape.Width, shape.Height * shape.Width)
                    .Fill(work.Biases == null ? 0 : work.Biases[channel]);
            }

            AddColumns(columns, pixels, shape, to);
        }

        NativeMemory.AlignedFree(columns);
    }

    // Here the elements are parts of the batch.
    private static void AddImages(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        ConvolutionShape shape = work.Shape;
        int pixels = shape.PaddedPixels, taps = shape.PaddedTaps;
        float* columns = Allocate((nint)pixels * (taps + shape.PaddedFeatures)), padded = columns + (nint)pixels * taps;
        NativeMemory.Clear(columns, (nuint)((nint)pixels * (taps + shape.PaddedFeatures)) * sizeof(float));
        for (long part = start; part < end; part++)
        {
            long last = shape.Batch * (part + 1) / work.Parts;
            for (long image = shape.Batch * part / work.Parts; image < last; image++)
            {
                ReadColumns(work.Images + (nint)image * shape.ImageSize, shape, columns, 1, taps);
                float* features = Padded(work, image, padded, shape.PaddedFeatures);
                MatrixKernel.Multiply(
                    ((nint)features, pixels, 1), ((nint)columns, taps, Lanes),
                    ((nint)(work.Weights + (nint)part * shape.PaddedFeatures * taps), taps), shape.PaddedFeatures, pixels, taps / Lanes,
                    adds: true);
            }
        }

        NativeMemory.AlignedFree(columns);
    }

    // The features of an image as rows of whole vectors; where they are already, themselves.
    private static float* Padded(in Work work, long image, float* memory, int rows)
    {
        ConvolutionShape shape = work.Shape;
        float* features = work.Features + (nint)image * shape.Features * shape.Pixels;
        if (shape.Pixels == shape.PaddedPixels && shape.Features == rows)
            return features;
        for (int feature = 0; feature < shape.Features; feature++)
        {
            float* to = memory + (nint)feature * shape.PaddedPixels;
            Copy(features + (nint)feature * shape.Pixels, to, shape.Pixels);
            new Span<float>(to + shape.Pixels, shape.PaddedPixels - shape.Pixels).Clear();
        }

        return memory;
    }

    // What each pixel of the result depends on; beyond the image it is 0.
    private static void ReadColumns(float* image, in ConvolutionShape shape, float* columns, int tapDistance, int pixelDistance)
    {
        for (int tap = 0; tap < shape.Taps; tap++)
        {
            (int first, int end) = Inside(tap % shape.Side, shape.Columns, shape.Width, shape.Stride);
            for (int row = 0; row < shape.Rows; row++)
            {
                float* to = columns + (nint)tap * tapDistance + (nint)row * shape.Columns * pixelDistance;
                float* from = RowOf(image, shape, tap, row);
                for (int column = 0; column < shape.Columns; column++)
                {
                    bool isInside = from != null && column >= first && column < end;
                    to[(nint)column * pixelDistance] = isInside ? from[column * shape.Stride] : 0;
                }
            }
        }
    }

    private static void AddColumns(float* columns, int tapDistance, in ConvolutionShape shape, float* image)
    {
        for (int tap = 0; tap < shape.Taps; tap++)
        {
            (int first, int end) = Inside(tap % shape.Side, shape.Columns, shape.Width, shape.Stride);
            for (int row = 0; row < shape.Rows; row++)
            {
                float* from = columns + (nint)tap * tapDistance + (nint)row * shape.Columns;
                float* to = RowOf(image, shape, tap, row);
                for (int column = first; column < end && to != null; column++)
                    to[column * shape.Stride] += from[column];
            }
        }
    }

    // Where the values of a tap begin that a row of the result depends on, which may be left of the image; null above and below it.
    private static float* RowOf(float* image, in ConvolutionShape shape, int tap, int row)
    {
        (int line, int x) = Math.DivRem(tap, shape.Side);
        (int channel, int y) = Math.DivRem(line, shape.Side);
        int source = row * shape.Stride + y - 1;
        return source < 0 || source >= shape.Height
            ? null
            : image + ((nint)channel * shape.Height + source) * shape.Width + x - 1;
    }

    // The columns of the result whose value of a tap is in the image.
    private static (int First, int End) Inside(int x, int columns, int width, int stride)
    {
        int first = x == 0 ? 1 : 0;
        return (Math.Min(first, columns), Math.Min(columns, (width - x + stride) / stride));
    }

    private static void Copy(float* from, float* to, int count) => new Span<float>(from, count).CopyTo(new Span<float>(to, count));

    private static float* Allocate(nint floats) => (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);

    private struct Work
    {
        public float* Images, Weights, Biases, Features;
        public ConvolutionShape Shape;
        public int Parts;
    }
}
