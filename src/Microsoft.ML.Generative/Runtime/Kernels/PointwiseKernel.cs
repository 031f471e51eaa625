using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// 1×1 convolutions as matrix products with the pixels of each image, which are read where they are. The numbers of channels and pixels are
/// multiples of 16. A result depends on neither the number of threads nor, but for the gradient of the weights, on the rest of the batch.
/// </summary>
internal static unsafe class PointwiseKernel
{
    private const int Lanes = MatrixKernel.Lanes;

    // So many that rows of images, which are pages apart, are read and written in several cache lines at once.
    private const int PixelsAtOnce = 128;

    // Parts of the batch with sums of their own, so that these do not depend on the number of threads.
    private const int MostParts = 16;

    /// <summary>y = w x + b + a for each image.</summary>
    /// <param name="x">[batch, first inputs, pixels].</param>
    /// <param name="beside">The other inputs, [batch, inputs − first inputs, pixels], or null.</param>
    /// <param name="w">[outputs, inputs], of which rows or columns are contiguous.</param>
    /// <param name="bias">[outputs], or null.</param>
    /// <param name="added">a, [batch, outputs, pixels], or null.</param>
    /// <param name="y">[batch, outputs, pixels].</param>
    /// <param name="shape">The sizes.</param>
    public static void Convolve(float* x, float* beside, MatrixView w, float* bias, float* added, float* y, PointwiseShape shape)
    {
        var work = new Work { X = x, Beside = beside, Weights = w, Bias = bias, Added = added, Y = y, Shape = shape };
        work.Parts = (shape.Pixels + PixelsAtOnce - 1) / PixelsAtOnce;
        ThreadTeam.Run((long)shape.Batch * work.Parts, shape.Inputs * shape.Outputs, &work, &Convolve);
    }

    /// <summary>The gradients of the weights and of the biases.</summary>
    /// <param name="x">[batch, first inputs, pixels].</param>
    /// <param name="beside">The other inputs, [batch, inputs − first inputs, pixels], or null.</param>
    /// <param name="gradient">The gradient of y, [batch, outputs, pixels].</param>
    /// <param name="weights">[outputs, inputs].</param>
    /// <param name="biases">[outputs], or null.</param>
    /// <param name="shape">The sizes.</param>
    public static void WeightGradient(float* x, float* beside, float* gradient, float* weights, float* biases, PointwiseShape shape)
    {
        int parts = Math.Min(shape.Batch, MostParts);
        using KernelMemory.Block memory = KernelMemory.Take((nint)parts * (shape.Inputs + 1) * shape.Outputs);
        var work = new Work
        {
            X = x,
            Beside = beside,
            Y = gradient,
            Sums = memory.Start,
            Bias = biases,
            Added = weights,
            Shape = shape,
            Parts = parts,
        };
        ThreadTeam.Run(parts, int.MaxValue, &work, &AddImages);
        ThreadTeam.Run(shape.Outputs, parts * shape.Inputs, &work, &AddParts);
    }

    // Here the elements are parts of an image's pixels.
    private static void Convolve(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        PointwiseShape shape = work.Shape;
        using KernelMemory.Block memory = KernelMemory.Take((nint)shape.Inputs * PixelsAtOnce);
        for (long item = start; item < end; item++)
        {
            (long image, long part) = Math.DivRem(item, work.Parts);
            int first = (int)part * PixelsAtOnce, groups = Math.Min(PixelsAtOnce, shape.Pixels - first) / Lanes;
            for (int input = 0; input < shape.Inputs; input++)
            {
                float* from = work.PlaneOf(image, input) + first, packed = memory.Start + input * Lanes;
                for (int i = 0; i < groups; i++)
                    Vector512.Load(from + i * Lanes).Store(packed + (nint)i * shape.Inputs * Lanes);
            }

            nint to = (nint)image * shape.Outputs * shape.Pixels + first;
            bool adds = work.Bias != null || work.Added != null;
            for (int output = 0; output < shape.Outputs && adds; output++)
            {
                Vector512<float> bias = Vector512.Create(work.Bias == null ? 0 : work.Bias[output]);
                nint row = to + (nint)output * shape.Pixels;
                for (nint i = row; i < row + groups * Lanes; i += Lanes)
                    (work.Added == null ? bias : Vector512.Load(work.Added + i) + bias).Store(work.Y + i);
            }

            MatrixKernel.Multiply(
                ((nint)work.Weights.Start, work.Weights.Row, work.Weights.Column), ((nint)memory.Start, Lanes, (nint)shape.Inputs * Lanes),
                ((nint)(work.Y + to), shape.Pixels), shape.Outputs, shape.Inputs, groups, adds);
        }
    }

    // Here the elements are parts of the batch.
    private static void AddImages(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        PointwiseShape shape = work.Shape;
        using KernelMemory.Block memory = KernelMemory.Take((nint)shape.Inputs * PixelsAtOnce);
        for (long part = start; part < end; part++)
        {
            long firstImage = shape.Batch * part / work.Parts, endImage = shape.Batch * (part + 1) / work.Parts;
            float* sums = SumsOf(work, part), biases = sums + (nint)shape.Inputs * shape.Outputs;
            new Span<float>(biases, shape.Outputs).Clear();
            for (long image = firstImage; image < endImage; image++)
            {
                float* gradient = work.Y + (nint)image * shape.Outputs * shape.Pixels;
                for (int first = 0; first < shape.Pixels; first += PixelsAtOnce)
                {
                    int count = Math.Min(PixelsAtOnce, shape.Pixels - first);
                    for (int input = 0; input < shape.Inputs; input += Lanes)
                    {
                        ChannelBlocks.Read(
                            work.PlaneOf(image, input) + first, shape.Pixels, Lanes, count, memory.Start + input * count);
                    }

                    MatrixKernel.Multiply(
                        ((nint)(gradient + first), shape.Pixels, 1), ((nint)memory.Start, Lanes, (nint)count * Lanes),
                        ((nint)sums, shape.Inputs), shape.Outputs, count, shape.Inputs / Lanes, adds: image > firstImage || first > 0);
                }

                for (int output = 0; output < shape.Outputs && work.Bias != null; output++)
                    biases[output] += (float)PlaneSums.Sum(gradient + (nint)output * shape.Pixels, shape.Pixels);
            }
        }
    }

    // Here the elements are outputs.
    private static void AddParts(void* state, long start, long end)
    {
        Work work = *(Work*)state;
        PointwiseShape shape = work.Shape;
        nint biases = (nint)shape.Inputs * shape.Outputs;
        for (nint output = (nint)start; output < end; output++)
        {
            for (nint i = output * shape.Inputs; i < (output + 1) * shape.Inputs; i += Lanes)
            {
                Vector512<float> sum = Vector512.Load(work.Sums + i);
                for (int part = 1; part < work.Parts; part++)
                    sum += Vector512.Load(SumsOf(work, part) + i);
                sum.Store(work.Added + i);
            }

            if (work.Bias == null)
                continue;
            work.Bias[output] = 0;
            for (int part = 0; part < work.Parts; part++)
                work.Bias[output] += SumsOf(work, part)[biases + output];
        }
    }

    // [outputs, inputs], and [outputs] of the biases.
    private static float* SumsOf(in Work work, long part) =>
        work.Sums + (nint)part * (work.Shape.Inputs + 1) * work.Shape.Outputs;

    private struct Work
    {
        public float* X, Beside, Bias, Added, Y, Sums;
        public MatrixView Weights;
        public PointwiseShape Shape;
        public int Parts;

        public readonly float* PlaneOf(long image, int input)
        {
            int first = Shape.FirstInputs, further = input - first;
            return further < 0
                ? X + ((nint)image * first + input) * Shape.Pixels
                : Beside + ((nint)image * (Shape.Inputs - first) + further) * Shape.Pixels;
        }
    }
}
