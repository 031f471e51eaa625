using System.Numerics.Tensors;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Multiplies rows with the weights of layers and their adapters, several outputs of all rows at a time.</summary>
internal sealed unsafe class LayerMatmul
{
    // Multiplications of a piece.
    private const long PieceSize = 1 << 14;

    private readonly StepMemory _memory;
    private readonly SharedWork _work;
    private readonly Action<int, int> _multiplyPiece;
    private Matmul _matmul;

    /// <param name="memory">Where the kernels have room.</param>
    /// <param name="work">Who does it.</param>
    public LayerMatmul(StepMemory memory, SharedWork work) => (_memory, _work, _multiplyPiece) = (memory, work, MultiplyPiece);

    /// <summary>Computes y = W x + b, or y += W x + b, for the first rows.</summary>
    public void Apply(in LayerKernel layer, FloatRows x, FloatRows y, int rows, bool isAdded = false)
    {
        if (!layer.Rescales)
        {
            Multiply(layer.Weight, x, y, rows, isAdded);
            Adapt(layer, x, y, rows);
            return;
        }

        // What an adapter rescales must not have been added to something else.
        FloatRows unscaled = _memory.Unscaled;
        Multiply(layer.Weight, x, unscaled, rows, isAdded: false);
        Adapt(layer, x, unscaled, rows);
        for (int row = 0; row < rows; row++)
        {
            Span<float> target = new(y[row], layer.Weight.Outputs);
            ReadOnlySpan<float> values = new(unscaled[row], layer.Weight.Outputs);
            if (isAdded)
                TensorPrimitives.Add(target, values, target);
            else
                values.CopyTo(target);
        }
    }

    private void Adapt(in LayerKernel layer, FloatRows x, FloatRows y, int rows)
    {
        foreach (ref readonly LoraKernel adapter in layer.Adapters.AsSpan())
            adapter.Apply(x.Start, x.Stride, y.Start, y.Stride, rows, _memory.Reduced.Start);
    }

    private void Multiply(WeightKernel kernel, FloatRows x, FloatRows y, int rows, bool isAdded)
    {
        if (kernel.QuantizesInput)
            _memory.Quantized!.Take(x.Start, x.Stride, rows, kernel.Inputs);
        var input = new KernelInput(x.Start, x.Stride, _memory.Quantized);
        long work = (long)kernel.Inputs * rows;
        if (!_work.IsShared(work * kernel.Outputs))
        {
            kernel.Apply(input, y.Start, y.Stride, rows, 0, kernel.Outputs, isAdded, _memory.Free.Start);
            return;
        }

        int outputs = (int)Math.Max(1, PieceSize / (work * kernel.Together)) * kernel.Together;
        _matmul = new Matmul
        {
            Kernel = kernel,
            Input = input,
            Y = y,
            Rows = rows,
            OutputsOfPiece = outputs,
            IsAdded = isAdded,
        };
        _work.Run((kernel.Outputs + outputs - 1) / outputs, work * kernel.Outputs, _multiplyPiece);
    }

    private void MultiplyPiece(int piece, int worker)
    {
        ref readonly Matmul m = ref _matmul;
        int from = piece * m.OutputsOfPiece, to = Math.Min(from + m.OutputsOfPiece, m.Kernel.Outputs);
        m.Kernel.Apply(m.Input, m.Y.Start, m.Y.Stride, m.Rows, from, to, m.IsAdded, _memory.Free[worker]);
    }

    private struct Matmul
    {
        public WeightKernel Kernel;
        public KernelInput Input;
        public FloatRows Y;
        public int Rows;
        public int OutputsOfPiece;
        public bool IsAdded;
    }
}
