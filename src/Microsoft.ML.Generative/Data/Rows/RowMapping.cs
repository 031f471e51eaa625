using Microsoft.ML.Generative.Interop;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>The columns that a transformer reads and those that it adds, bound to an input schema.</summary>
/// <param name="inputs">The columns read; <see langword="null"/> for those that the model has not.</param>
/// <param name="outputs">The columns added.</param>
internal sealed class RowMapping(IEnumerable<RowInput?> inputs, IReadOnlyList<RowOutput> outputs) : IRowMapping
{
    private readonly RowInput[] _inputs = [.. inputs.OfType<RowInput>()];

    public IReadOnlyList<string> InputColumns => [.. _inputs.Select(i => i.Name)];

    public DataViewSchema.DetachedColumn[] OutputColumns { get; } = [.. outputs.Select(o => o.Column)];

    public IRowComputation Open(DataViewRow row, Func<int, bool> isWanted, int slots) => new Computation(
        row, _inputs.ToDictionary(i => i, i => i.Open(row, slots)), [.. outputs.Select((o, i) => isWanted(i) ? o.Open(slots) : null)],
        slots);

    private sealed class Computation(DataViewRow row, Dictionary<RowInput, InputBuffer> inputs, OutputBuffer?[] outputs, int slots)
        : IRowComputation
    {
        private readonly long[] _positions = new long[slots];

        public void Read(int slot)
        {
            _positions[slot] = row.Position;
            foreach (InputBuffer input in inputs.Values)
                input.Read(slot);
        }

        public void Run(int count)
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            var batch = new RowBatch(_positions[..count], inputs);
            foreach (OutputBuffer? output in outputs)
                output?.Compute(batch);
        }

        public Delegate MakeGetter(int output, Func<int> slot) => outputs[output]!.MakeGetter(slot);
    }
}
