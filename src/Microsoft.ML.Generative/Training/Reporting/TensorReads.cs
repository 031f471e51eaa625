using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>
/// Numbers that steps leave on the device, for reports. On a CPU they are there at once. A GPU computes behind the program, which would
/// wait for it at each number: there, those of many steps are read together when a report is due.
/// </summary>
/// <param name="areDeferred">Whether numbers wait until all are asked for.</param>
internal sealed class TensorReads(bool areDeferred)
{
    private readonly List<(int Count, Action<double[]> Use)> _waiting = [];
    private readonly List<Tensor> _values = [];

    /// <summary>Uses numbers, now or, in the order in which they were added, when all are read.</summary>
    /// <param name="values">Tensors of one element each.</param>
    /// <param name="use">What is done with them.</param>
    public void Add(IReadOnlyList<Tensor> values, Action<double[]> use)
    {
        if (!areDeferred)
        {
            use([.. values.Select(v => v.ToDouble())]);
            return;
        }

        _values.AddRange(values.Select(v => v.detach().DetachFromDisposeScope()));
        _waiting.Add((values.Count, use));
    }

    /// <summary>Reads what waits.</summary>
    public void Complete()
    {
        if (_waiting.Count == 0)
            return;
        double[] read = Read();
        (int Count, Action<double[]> Use)[] waiting = [.. _waiting];
        Clear();
        int start = 0;
        foreach (var (count, use) in waiting)
        {
            use(read[start..(start + count)]);
            start += count;
        }
    }

    /// <summary>Forgets what waits.</summary>
    public void Clear()
    {
        foreach (Tensor value in _values)
            value.Dispose();
        _values.Clear();
        _waiting.Clear();
    }

    // One copy from the device.
    private double[] Read()
    {
        if (_values.Count == 0)
            return [];
        using DisposeScope scope = NewDisposeScope();
        Tensor[] onDevice = [.. _values.Where(v => v.device_type != DeviceType.CPU)];
        float[] read = onDevice.Length == 0
            ? []
            : TensorMemory.ToArray<float>(stack(onDevice.Select(v => v.to(ScalarType.Float32).reshape([]))));
        int next = 0;
        return [.. _values.Select(v => v.device_type == DeviceType.CPU ? v.ToDouble() : read[next++])];
    }
}
