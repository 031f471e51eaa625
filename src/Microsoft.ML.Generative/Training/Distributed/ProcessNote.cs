using System.Text;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>How a process comes to a meeting of all.</summary>
internal enum ProcessState : byte
{
    /// <summary>The training continues.</summary>
    Continues,

    /// <summary>The training was canceled.</summary>
    Canceled,

    /// <summary>The training has failed.</summary>
    Failed,
}

/// <summary>What a process brings to a meeting, or takes from it.</summary>
/// <param name="State">Whether it continues; after the meeting, whether all do.</param>
/// <param name="Operation">What the process meets the others for; all have to meet for the same.</param>
/// <param name="Text">Why it does not continue.</param>
/// <param name="Sums">Values; after the meeting, their sums over all processes.</param>
/// <param name="Payload">Bytes for process 0; after the meeting, bytes of process 0.</param>
internal sealed record ProcessNote(ProcessState State, string Operation, string Text, double[] Sums, byte[] Payload)
{
    /// <summary>Bytes of the length that precedes a note.</summary>
    public const int HeaderBytes = sizeof(int);

    public byte[] ToBytes()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write((byte)State);
        writer.Write(Operation);
        writer.Write(Text);
        writer.Write(Sums.Length);
        foreach (double value in Sums)
            writer.Write(value);
        writer.Write(Payload.Length);
        writer.Write(Payload);
        return stream.ToArray();
    }

    public static ProcessNote FromBytes(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
        var state = (ProcessState)reader.ReadByte();
        (string operation, string text) = (reader.ReadString(), reader.ReadString());
        var sums = new double[reader.ReadInt32()];
        for (int i = 0; i < sums.Length; i++)
            sums[i] = reader.ReadDouble();
        return new ProcessNote(state, operation, text, sums, reader.ReadBytes(reader.ReadInt32()));
    }
}
