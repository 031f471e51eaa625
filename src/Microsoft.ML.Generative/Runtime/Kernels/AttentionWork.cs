namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>What <see cref="AttentionKernel"/> works on.</summary>
internal unsafe struct AttentionWork
{
    /// <summary>Queries, keys and values, [batch, heads, time, head size].</summary>
    public Rows Queries, Keys, Values;

    /// <summary>What is added to scores, where <see cref="HasMask"/>: [batch, heads, time, time].</summary>
    public Rows Mask;

    /// <summary>The result, and the gradient of it.</summary>
    public Rows Output, OutputGradient;

    /// <summary>The gradients of queries, keys and values.</summary>
    public Rows QueryGradients, KeyGradients, ValueGradients;

    /// <summary>The logarithm of each row's sum of exponentials, [batch, heads, time].</summary>
    public float* LogSums;

    public int Batch, Heads, Time, HeadSize;

    /// <summary>Whether a position attends to itself and those before it alone.</summary>
    public bool IsCausal;

    /// <summary>Whether there is something to add to scores.</summary>
    public bool HasMask;

    /// <summary>What scores are multiplied by.</summary>
    public float Scale;

    /// <summary>Attention of as many heads of queries, keys and values, which are one behind another at each position.</summary>
    /// <param name="all">[batch, time, 3 · heads, head size], contiguous.</param>
    /// <param name="output">[batch, time, heads, head size], contiguous.</param>
    /// <param name="batch">Sequences.</param>
    /// <param name="time">Positions.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="headSize">Values of a head.</param>
    public static AttentionWork Packed(float* all, float* output, int batch, int time, int heads, int headSize)
    {
        long width = (long)heads * headSize;
        return new AttentionWork
        {
            Queries = At(0),
            Keys = At(1),
            Values = At(2),
            Output = new Rows(output, time * width, headSize, width),
            Batch = batch,
            Heads = heads,
            Time = time,
            HeadSize = headSize,
        };

        Rows At(int part) => new(all + part * width, 3 * time * width, headSize, 3 * width);
    }

    /// <summary>A tensor of [batch, heads, time, head size], whose last dimension is contiguous.</summary>
    /// <param name="start">Its first element.</param>
    /// <param name="batch">Floats between rows of the batch.</param>
    /// <param name="head">Floats between heads.</param>
    /// <param name="time">Floats between positions.</param>
    public readonly struct Rows(float* start, long batch, long head, long time)
    {
        /// <summary>Floats between positions.</summary>
        public readonly nint Time = (nint)time;

        private readonly float* _start = start;
        private readonly nint _batch = (nint)batch;
        private readonly nint _head = (nint)head;

        /// <summary>The rows from a position on.</summary>
        public Rows From(long position) => new(_start + (nint)position * Time, _batch, _head, Time);

        /// <summary>The first position of a head.</summary>
        public float* this[long batch, long head] => _start + batch * _batch + head * _head;
    }
}
