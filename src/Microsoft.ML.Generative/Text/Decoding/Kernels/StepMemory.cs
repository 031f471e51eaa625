using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The values of all rows of a step between its layers, and room for what computes them, in one piece of memory.</summary>
internal sealed unsafe class StepMemory : IDisposable
{
    private readonly FloatBuffer _memory;

    /// <param name="block">The form of the network's blocks.</param>
    /// <param name="kernels">The kernels that compute.</param>
    /// <param name="rows">Rows, at most.</param>
    /// <param name="threads">Threads that compute at a time.</param>
    /// <param name="scores">Scores of attention of a head, at most.</param>
    /// <exception cref="OutOfMemoryException">There is not so much memory.</exception>
    public StepMemory(TransformerBlockShape block, DecoderKernels kernels, int rows, int threads, int scores)
    {
        _memory = new FloatBuffer(LayOut(null));
        LayOut(_memory.Start);
        if (kernels.MaxQuantizedInputs > 0)
            Quantized = new QuantizedRows(rows, kernels.MaxQuantizedInputs);

        long LayOut(float* start)
        {
            long taken = 0;
            X = Take(block.EmbeddingSize, rows);
            Normed = Take(block.EmbeddingSize, rows);
            QueriesKeysValues = Take(block.QueryKeyValueSize, rows);
            Attended = Take(block.AttendedSize, rows);
            Hidden = Take(block.FeedForwardInSize, rows);
            Active = Take(block.FeedForwardSize, rows);
            Cosines = Take(block.HeadSize / 2, rows);
            Sines = Take(block.HeadSize / 2, rows);
            Reduced = Take(kernels.MaxRank, rows);
            Unscaled = Take(kernels.MaxRescaled, rows);
            Scores = Take(scores, threads);
            Free = Take(kernels.FreeFloats, threads);
            return taken;

            FloatRows Take(int length, int count)
            {
                var table = new FloatRows(start + taken, Padded(length));
                taken = checked(taken + (long)table.Stride * count);
                return table;
            }
        }
    }

    /// <summary>The sums that layers add to, [rows, width].</summary>
    public FloatRows X { get; private set; }

    /// <summary>x after a normalization, [rows, width].</summary>
    public FloatRows Normed { get; private set; }

    /// <summary>[rows, (heads + 2 key heads) × head size]: queries, keys, values.</summary>
    public FloatRows QueriesKeysValues { get; private set; }

    /// <summary>What attention returns, [rows, heads × head size].</summary>
    public FloatRows Attended { get; private set; }

    /// <summary>Outputs of the first feed-forward layer.</summary>
    public FloatRows Hidden { get; private set; }

    /// <summary>The same after the non-linearity.</summary>
    public FloatRows Active { get; private set; }

    /// <summary>The cosines of the rotation of a row's position, [rows, head size / 2].</summary>
    public FloatRows Cosines { get; private set; }

    /// <summary>Its sines.</summary>
    public FloatRows Sines { get; private set; }

    /// <summary>A x of adapters, [rows, rank].</summary>
    public FloatRows Reduced { get; private set; }

    /// <summary>Outputs of a layer that an adapter is still to rescale.</summary>
    public FloatRows Unscaled { get; private set; }

    /// <summary>Scores of attention of a head, a row for each thread.</summary>
    public FloatRows Scores { get; private set; }

    /// <summary>What kernels need beside their inputs and outputs, a row for each thread.</summary>
    public FloatRows Free { get; private set; }

    /// <summary>Inputs of a layer in few bits; <see langword="null"/>: no layer reads them so.</summary>
    public QuantizedRows? Quantized { get; }

    public void Dispose()
    {
        Quantized?.Dispose();
        _memory.Dispose();
    }

    // Rows begin at cache lines.
    private static int Padded(int length) => (length + 15) & ~15;
}
