using System.Numerics;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Attention (Vaswani et al. 2017, eq. 1) of short sequences: all of a head stays in the cache of one core, and queries, keys and values
/// are read where they are. The backward pass, of causal attention, computes the probabilities again. A head of a sequence is one thread's
/// work.
/// </summary>
internal static unsafe class AttentionKernel
{
    private const int Block = MatrixKernel.Lanes;

    private static int Lanes => Vector<float>.Count;

    /// <summary>Computes the output, and the logarithms of the sums where they are wanted.</summary>
    public static void Forward(AttentionWork work) =>
        ThreadTeam.Run((long)work.Batch * work.Heads, work.Time * work.Time, &work, &Forward);

    /// <summary>Computes the gradients of queries, keys and values of causal attention.</summary>
    public static void Backward(AttentionWork work) =>
        ThreadTeam.Run((long)work.Batch * work.Heads, work.Time * work.Time, &work, &Backward);

    // Here the elements are heads of a sequence.
    private static void Forward(void* state, long start, long end)
    {
        AttentionWork work = *(AttentionWork*)state;
        using var memory = new Scratch(work, hasGradients: false);
        for (long item = start; item < end; item++)
        {
            (long batch, long head) = Math.DivRem(item, work.Heads);
            memory.Scores(work.Queries[batch, head], work.Queries.Time, work.Keys[batch, head], work.Keys.Time);
            for (int i = 0; i < work.Time; i++)
            {
                float* row = memory.Probabilities + i * memory.Time;
                if (work.HasMask)
                    ScaleAndAdd(row, work.Mask[batch, head] + i * work.Mask.Time, work.Time, work.Scale);
                float logSum = Softmax(row, work.IsCausal ? i + 1 : work.Time, memory.Time, work.HasMask ? 1 : work.Scale);
                if (work.LogSums is not null)
                    work.LogSums[item * work.Time + i] = logSum;
            }

            memory.Read(work.Values[batch, head], work.Values.Time, memory.Second);
            memory.Combine(memory.Probabilities, isTransposed: false, memory.Second);
            memory.Write(work.Output[batch, head], work.Output.Time);
        }
    }

    // Here the elements are heads of a sequence.
    private static void Backward(void* state, long start, long end)
    {
        AttentionWork work = *(AttentionWork*)state;
        using var memory = new Scratch(work, hasGradients: true);
        for (long item = start; item < end; item++)
        {
            (long batch, long head) = Math.DivRem(item, work.Heads);
            float* logSums = work.LogSums + item * work.Time;
            // The queries stay in the first buffer.
            memory.Scores(work.Queries[batch, head], work.Queries.Time, work.Keys[batch, head], work.Keys.Time);
            for (int i = 0; i < work.Time; i++)
                Exponentials(memory.Probabilities + i * memory.Time, i + 1, memory.Time, work.Scale, logSums[i]);

            memory.Read(work.OutputGradient[batch, head], work.OutputGradient.Time, memory.Second);
            memory.Combine(memory.Probabilities, isTransposed: true, memory.Second);
            memory.Write(work.ValueGradients[batch, head], work.ValueGradients.Time);

            memory.Products(memory.Second, work.Values[batch, head], work.Values.Time, memory.Gradients);
            for (int i = 0; i < work.Time; i++)
            {
                nint row = i * memory.Time;
                Derive(memory.Probabilities + row, memory.Gradients + row, (int)memory.Time, work.Scale);
            }

            memory.Combine(memory.Gradients, isTransposed: true, memory.First);
            memory.Write(work.KeyGradients[batch, head], work.KeyGradients.Time);
            memory.Read(work.Keys[batch, head], work.Keys.Time, memory.Second);
            memory.Combine(memory.Gradients, isTransposed: false, memory.Second);
            memory.Write(work.QueryGradients[batch, head], work.QueryGradients.Time);
        }
    }

    private static void ScaleAndAdd(float* row, float* mask, int count, float scale)
    {
        Vector<float> scales = new(scale);
        int j = 0;
        for (; j <= count - Lanes; j += Lanes)
            (Vector.Load(row + j) * scales + Vector.Load(mask + j)).Store(row + j);
        for (; j < count; j++)
            row[j] = row[j] * scale + mask[j];
    }

    // The softmax of the first scores of a row, and zeros behind them; returns the logarithm of the sum.
    private static float Softmax(float* row, int count, nint all, float scale)
    {
        int padded = Hide(row, count);
        Vector<float> largest = Vector.Load(row), scales = new(scale), sums = Vector<float>.Zero;
        for (int j = Lanes; j < padded; j += Lanes)
            largest = Vector.Max(largest, Vector.Load(row + j));
        float max = VectorMath.Max(largest) * scale;
        Vector<float> maxima = new(max);
        for (int j = 0; j < padded; j += Lanes)
        {
            Vector<float> e = VectorMath.Exp(Vector.Load(row + j) * scales - maxima);
            e.Store(row + j);
            sums += e;
        }

        float sum = VectorMath.Sum(sums);
        Vector<float> factors = new(1 / sum);
        for (int j = 0; j < padded; j += Lanes)
            (Vector.Load(row + j) * factors).Store(row + j);
        new Span<float>(row + padded, (int)all - padded).Clear();
        return max + MathF.Log(sum);
    }

    // The same with the logarithm of the sum known.
    private static void Exponentials(float* row, int count, nint all, float scale, float logSum)
    {
        int padded = Hide(row, count);
        Vector<float> scales = new(scale), logSums = new(logSum);
        for (int j = 0; j < padded; j += Lanes)
            VectorMath.Exp(Vector.Load(row + j) * scales - logSums).Store(row + j);
        new Span<float>(row + padded, (int)all - padded).Clear();
    }

    // Later positions have no probability; returns where the next vector begins.
    private static int Hide(float* row, int count)
    {
        int padded = (count + Lanes - 1) / Lanes * Lanes;
        new Span<float>(row + count, padded - count).Fill(float.NegativeInfinity);
        return padded;
    }

    // The gradient of the scores, in place of that of the probabilities.
    private static void Derive(float* probabilities, float* gradients, int count, float scale)
    {
        Vector<float> sums = Vector<float>.Zero;
        for (int j = 0; j < count; j += Lanes)
            sums += Vector.Load(probabilities + j) * Vector.Load(gradients + j);
        Vector<float> sum = new(VectorMath.Sum(sums)), scales = new(scale);
        for (int j = 0; j < count; j += Lanes)
            (Vector.Load(probabilities + j) * (Vector.Load(gradients + j) - sum) * scales).Store(gradients + j);
    }

    // One head in a thread's memory. Positions are filled up to a multiple of 16 with zeros.
    private readonly ref struct Scratch
    {
        private readonly int _positions;
        private readonly int _size;
        private readonly float* _turned;
        private readonly float* _result;

        public Scratch(in AttentionWork work, bool hasGradients)
        {
            (_positions, _size) = (work.Time, work.HeadSize);
            Time = (work.Time + Block - 1) / Block * Block;
            nint rows = Time * _size, square = Time * Time;
            First = (float*)NativeMemory.AlignedAlloc((nuint)(4 * rows + (hasGradients ? 2 : 1) * square) * sizeof(float), 64);
            Second = First + rows;
            _turned = Second + rows;
            _result = _turned + rows;
            Probabilities = _result + rows;
            Gradients = Probabilities + square;
            // Rows behind the last position stay 0.
            NativeMemory.Clear(First, (nuint)(4 * rows + (hasGradients ? 2 : 1) * square) * sizeof(float));
        }

        /// <summary>The positions, filled up.</summary>
        public nint Time { get; }

        /// <summary>Rows of a head, [time, head size].</summary>
        public float* First { get; }

        /// <inheritdoc cref="First"/>
        public float* Second { get; }

        /// <summary>Probabilities, [time, time].</summary>
        public float* Probabilities { get; }

        /// <summary>Gradients of them, [time, time].</summary>
        public float* Gradients { get; }

        /// <summary>Copies rows into memory that is contiguous.</summary>
        public void Read(float* from, nint distance, float* to)
        {
            for (int i = 0; i < _positions; i++)
                new Span<float>(from + i * distance, _size).CopyTo(new Span<float>(to + (nint)i * _size, _size));
        }

        /// <summary>q kᵀ, in place of the probabilities; the queries are in <see cref="First"/> afterwards.</summary>
        public void Scores(float* queries, nint queryDistance, float* keys, nint keyDistance)
        {
            Read(queries, queryDistance, First);
            Products(First, keys, keyDistance, Probabilities);
            // Behind the last position there is nothing to attend to, nor anybody who attends.
            nint last = _positions * Time;
            new Span<float>(Probabilities + last, (int)(Time * Time - last)).Clear();
        }

        /// <summary>Products of all rows with all rows.</summary>
        public void Products(float* left, float* right, nint distance, float* products)
        {
            for (int group = 0; group * Block < _positions; group++)
            {
                ChannelBlocks.Read(
                    right + group * Block * distance, distance, Math.Min(Block, _positions - group * Block), _size,
                    _turned + (nint)group * _size * Block);
            }

            MatrixKernel.Multiply(
                ((nint)left, _size, 1), ((nint)_turned, Block, (nint)_size * Block), ((nint)products, Time),
                (int)Time, _size, (int)Time / Block, adds: false);
        }

        /// <summary>The sums of rows with weights, or with these transposed.</summary>
        public void Combine(float* weights, bool isTransposed, float* rows) => MatrixKernel.Multiply(
            isTransposed ? ((nint)weights, 1, Time) : ((nint)weights, Time, 1), ((nint)rows, _size, Block), ((nint)_result, _size),
            (int)Time, (int)Time, _size / Block, adds: false);

        /// <summary>Writes the result of <see cref="Combine"/>.</summary>
        public void Write(float* to, nint distance)
        {
            for (int i = 0; i < _positions; i++)
                new Span<float>(_result + (nint)i * _size, _size).CopyTo(new Span<float>(to + i * distance, _size));
        }

        public void Dispose() => NativeMemory.AlignedFree(First);
    }
}
