using System.Text;
using Microsoft.ML.Generative.Training.Reporting;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>Brings the losses of all processes into the reports of process 0.</summary>
internal sealed class SharedReports(ProcessGroup group)
{
    // The loss of the first phase has no name of its own.
    private const string Loss = "";

    private readonly Dictionary<string, (double Sum, long Weight)> _sums = [];
    private long _samples;

    /// <summary>Adds a batch's losses, as the meter of process 0 adds its own.</summary>
    public void Add(double total, IEnumerable<(string Name, double Value)> terms, long weight, bool isFirstPhase, long samples)
    {
        if (group.IsLeader)
            return;
        if (isFirstPhase)
        {
            Add(Loss, total, weight);
            _samples += samples;
        }

        foreach ((string name, double value) in terms)
            Add(name, value, weight);
    }

    /// <summary>Adds to the reports of process 0 what the others have computed since they met last.</summary>
    /// <param name="meter">The meter of this process.</param>
    /// <param name="step">The last step.</param>
    /// <param name="run">Says whether this process is asked to stop.</param>
    public void Exchange(TrainingMeter meter, long step, TrainingRun run)
    {
        byte[] own = ToBytes();
        _sums.Clear();
        _samples = 0;
        foreach (byte[] bytes in group.ToLeader($"the end of step {step}", own, run.IsCanceled(), run.IsTerminating))
        {
            using var reader = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
            long samples = reader.ReadInt64();
            for (int count = reader.ReadInt32(); count > 0; count--)
            {
                string name = reader.ReadString();
                (double sum, long weight) = (reader.ReadDouble(), reader.ReadInt64());
                if (name == Loss)
                    meter.AddLoss(sum / weight, weight, samples);
                else
                    meter.Add(name, sum / weight, weight);
            }
        }
    }

    private void Add(string name, double value, long weight)
    {
        (double sum, long before) = _sums.GetValueOrDefault(name);
        _sums[name] = (sum + value * weight, before + weight);
    }

    private byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write(_samples);
        writer.Write(_sums.Count);
        foreach (var (name, (sum, weight)) in _sums)
        {
            writer.Write(name);
            writer.Write(sum);
            writer.Write(weight);
        }

        return stream.ToArray();
    }
}
