using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Attention (Vaswani et al. 2017, eq. 1) of short sequences: all of a head stays in the cache of one core, and queries, keys and values
/// are read where they are. Of causal attention, products with later positions are left out. The backward pass computes the probabilities
/// again. A head of a sequence is one thread's work.
/// </summary>
internal static unsafe class AttentionKernel
{
    private const int Block = MatrixKernel.Lanes;

    private static int Lanes => Vector<float>.Count;

    /// <summary>Computes the output and the logarithms of the sums.</summary>
    public static void Forward(AttentionWork work) =>
        ThreadTeam.Run((long)work.Batch * work.Heads, work.Time * work.Time, &work, &Forward);

    /// <summary>Computes the gradients of queries, keys and values.</summary>
    public static void Backward(AttentionWork work) =>
        ThreadTeam.Run((long)work.Batch * work.Heads, work.Time * work.Time, &work, &Backward);

    /// <summary>
    /// Computes the output and the logarithms of the sums of sequences that are one behind another in a batch of 1; without a mask.
    /// </summary>
    /// <param name="work">The work, with the longest sequence's time.</param>
    /// <param name="starts">The position of the first element of each sequence, and the end of the last.</param>
    /// <param name="count">The number of sequences.</param>
    public static void ForwardEach(AttentionWork work, long* starts, int count)
    {
        var each = new EachWork { All = work, Starts = starts };
        ThreadTeam.Run((long)count * work.Heads, work.Time * work.Time, &each, &ForwardEach);
    }

    // Here the elements are heads of a sequence.
    private static void ForwardEach(void* state, long start, long end)
    {
        EachWork each = *(EachWork*)state;
        while (start < end)
        {
            (long sequence, long head) = Math.DivRem(start, each.All.Heads);
            long first = each.Starts[sequence], last = Math.Min(each.All.Heads, head + end - start);
            AttentionWork work = each.All;
            work.Time = (int)(each.Starts[sequence + 1] - first);
            (work.Queries, work.Keys, work.Values, work.Output) =
                (work.Queries.From(first), work.Keys.From(first), work.Values.From(first), work.Output.From(first));
            work.LogSums += first * work.Heads;
            Forward(&work, head, last);
            start += last - head;
        }
    }

    // Here the elements are heads of a sequence.
    private static void Forward(void* state, long start, long end)
    {
        AttentionWork work = *(AttentionWork*)state;
        using var memory = new Scratch(work, hasGradients: false);
        for (long item = start; item < end; item++)
        {
            (long batch, long head) = Math.DivRem(item, work.Heads);
            float* logSums = work.LogSums + item * work.Time;
            memory.Scores(work.Queries[batch, head], work.Queries.Time, work.Keys[batch, head], work.Keys.Time);
            float scale = AddMask(work, batch, head, memory);
            for (int i = 0; i < work.Time; i++)
                logSums[i] = Softmax(memory.Probabilities + i * memory.Time, Seen(work, i), memory.Time, scale);
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
            float scale = AddMask(work, batch, head, memory);
            for (int i = 0; i < work.Time; i++)
            {
                float* row = memory.Probabilities + i * memory.Time;
                // Beside the number that hides a position, the logarithm of a sum is lost.
                if (work.HasMask)
                    Softmax(row, Seen(work, i), memory.Time, scale);
                else
                    Exponentials(row, Seen(work, i), memory.Time, scale, logSums[i]);
            }

            memory.Read(work.OutputGradient[batch, head], work.OutputGradient.Time, memory.Second);
            memory.Combine(memory.Probabilities, isTransposed: true, memory.Second);
            memory.Write(work.ValueGradients[batch, head], work.ValueGradients.Time);

            memory.Products(memory.Second, work.Values[batch, head], work.Values.Time, memory.Gradients);
            for (int i = 0; i < work.Time; i++)
            {
                nint row = i * memory.Time;
                Derive(memory.Probabilities + row, memory.Gradients + row, Seen(work, i), memory.Time, work.Scale);
            }

            memory.Combine(memory.Gradients, isTransposed: true, memory.First);
            memory.Write(work.KeyGradients[batch, head], work.KeyGradients.Time);
            memory.Read(work.Keys[batch, head], work.Keys.Time, memory.Second);
            memory.Combine(memory.Gradients, isTransposed: false, memory.Second);
            memory.Write(work.QueryGradients[batch, head], work.QueryGradients.Time);
        }
    }

    // The positions that one attends to.
    private static int Seen(in AttentionWork work, int position) => work.IsCausal ? position + 1 : work.Time;

    // Scales the scores and adds the mask, if there is one; returns what they have to be multiplied by then.
    private static float AddMask(in AttentionWork work, long batch, long head, in Scratch memory)
    {
        if (!work.HasMask)
            return work.Scale;
        Vector<float> scales = new(work.Scale);
        for (int i = 0; i < work.Time; i++)
        {
            float* row = memory.Probabilities + i * memory.Time, mask = work.Mask[batch, head] + i * work.Mask.Time;
            int j = 0;
            for (; j <= work.Time - Lanes; j += Lanes)
                (Vector.Load(row + j) * scales + Vector.Load(mask + j)).Store(row + j);
            for (; j < work.Time; j++)
                row[j] = row[j] * work.Scale + mask[j];
        }

        return 1;
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

    // Other positions have no probability; returns where the next vector begins.
    private static int Hide(float* row, int count)
    {
        int padded = Padded(count);
        new Span<float>(row + count, padded - count).Fill(float.NegativeInfinity);
        return padded;
    }

    private static int Padded(int count) => (count + Lanes - 1) / Lanes * Lanes;

    // The gradient of the scores, in place of that of the probabilities.
    private static void Derive(float* probabilities, float* gradients, int count, nint all, float scale)
    {
        int padded = Padded(count);
        Vector<float> sums = Vector<float>.Zero;
        for (int j = 0; j < padded; j += Lanes)
            sums += Vector.Load(probabilities + j) * Vector.Load(gradients + j);
        Vector<float> sum = new(VectorMath.Sum(sums)), scales = new(scale);
        for (int j = 0; j < padded; j += Lanes)
            (Vector.Load(probabilities + j) * (Vector.Load(gradients + j) - sum) * scales).Store(gradients + j);
        new Span<float>(gradients + padded, (int)all - padded).Clear();
    }

    private struct EachWork
    {
        public AttentionWork All;
        public long* Starts;
    }

    // One head in a thread's memory. Positions are filled up to a multiple of 16 with zeros.
    private readonly ref struct Scratch
    {
        private readonly int _positions;
        private readonly int _size;
        private readonly bool _isCausal;
        private readonly float* _turned;
        private readonly float* _result;

        public Scratch(in AttentionWork work, bool hasGradients)
        {
            (_positions, _size, _isCausal) = (work.Time, work.HeadSize, work.IsCausal);
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
                Copy(from + i * distance, to + (nint)i * _size);
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

        /// <summary>Products of all rows with all rows, or with those up to the end of their own block.</summary>
        public void Products(float* left, float* right, nint distance, float* products)
        {
            for (int group = 0; group * Block < _positions; group++)
            {
                ChannelBlocks.Read(
                    right + group * Block * distance, distance, Math.Min(Block, _positions - group * Block), _size,
                    _turned + (nint)group * _size * Block);
            }

            for (int row = 0; row < Time; row += Block)
            {
                MatrixKernel.Multiply(
                    ((nint)(left + (nint)row * _size), _size, 1), ((nint)_turned, Block, (nint)_size * Block),
                    ((nint)(products + row * Time), Time), Block, _size, (_isCausal ? row + Block : (int)Time) / Block, adds: false);
            }
        }

        /// <summary>The sums of rows with weights, or with these transposed; what has no weight is left out.</summary>
        public void Combine(float* weights, bool isTransposed, float* rows)
        {
            for (int row = 0; row < Time; row += Block)
            {
                int first = _isCausal && isTransposed ? row : 0, end = _isCausal && !isTransposed ? row + Block : (int)Time;
                MatrixKernel.Multiply(
                    isTransposed ? ((nint)(weights + first * Time + row), 1, Time) : ((nint)(weights + row * Time), Time, 1),
                    ((nint)(rows + (nint)first * _size), _size, Block), ((nint)(_result + (nint)row * _size), _size),
                    Block, end - first, _size / Block, adds: false);
            }
        }

        /// <summary>Writes the result of <see cref="Combine"/>.</summary>
        public void Write(float* to, nint distance)
        {
            for (int i = 0; i < _positions; i++)
                Copy(_result + (nint)i * _size, to + i * distance);
        }

        public void Dispose() => NativeMemory.AlignedFree(First);

        // A row is a few vectors: a call would take longer.
        private void Copy(float* from, float* to)
        {
            for (int j = 0; j < _size; j += Block)
                Vector512.Load(from + j).Store(to + j);
        }
    }
}
