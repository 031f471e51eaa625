using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>
/// A file of events as TensorBoard reads it: records with masked CRC-32C (TFRecord), each with a protocol-buffer message
/// <c>tensorflow.Event</c>. TorchSharp's own writer opens the file again for each number, counts steps in 32 bits and cannot write gray
/// images.
/// </summary>
internal sealed class EventFile : IDisposable
{
    private const string Version = "brain.Event:2";
    private const uint CrcMask = 0xA282EAD8;

    // Fields of tensorflow.Event.
    private const int WallTime = 1;
    private const int Step = 2;
    private const int FileVersion = 3;
    private const int SummaryField = 5;
    private const int SessionLog = 7;

    private static int _files;

    private readonly FileStream _stream;

    /// <param name="folder">The folder; it is made if it is not there.</param>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public EventFile(string folder)
    {
        Directory.CreateDirectory(folder);
        string time = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString("D10", CultureInfo.InvariantCulture);
        string name = string.Create(
            CultureInfo.InvariantCulture,
            $"events.out.tfevents.{time}.{Environment.MachineName}.{Environment.ProcessId}.{Interlocked.Increment(ref _files)}");
        _stream = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        var message = Event();
        message.Add(FileVersion, Version);
        Write(message);
    }

    /// <summary>
    /// Says that the steps from this one on follow: what an earlier file has of them is from a training that was interrupted.
    /// </summary>
    public void WriteRestart(long firstStep)
    {
        const int Status = 1;
        const long Start = 1;
        var log = new ProtocolMessage();
        log.Add(Status, Start);
        ProtocolMessage message = Event(firstStep);
        message.Add(SessionLog, log);
        Write(message);
    }

    public void Write(long step, EventSummary summary)
    {
        ProtocolMessage message = Event(step);
        message.Add(SummaryField, summary.Message);
        Write(message);
    }

    /// <summary>Gives what has been written to the system, so that TensorBoard sees it.</summary>
    public void Flush() => _stream.Flush();

    public void Dispose() => _stream.Dispose();

    private static ProtocolMessage Event(long? step = null)
    {
        var message = new ProtocolMessage();
        message.Add(WallTime, (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds);
        if (step is { } number)
            message.Add(Step, number);
        return message;
    }

    private void Write(ProtocolMessage message)
    {
        ReadOnlySpan<byte> data = message.Bytes;
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteInt64LittleEndian(head, data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], MaskedCrc(head[..8]));
        Span<byte> tail = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(tail, MaskedCrc(data));
        _stream.Write(head);
        _stream.Write(data);
        _stream.Write(tail);
    }

    private static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in data)
            crc = BitOperations.Crc32C(crc, b);
        return BitOperations.RotateRight(~crc, 15) + CrcMask;
    }
}

/// <summary>What TensorBoard shows of one step: numbers, images and texts by name (<c>tensorflow.Summary</c>).</summary>
internal sealed class EventSummary
{
    private const int Value = 1;
    private const int Tag = 1;
    private const int SimpleValue = 2;
    private const int Image = 4;
    private const int Tensor = 8;
    private const int Metadata = 9;

    public ProtocolMessage Message { get; } = new();

    public void Add(string name, double number)
    {
        var value = new ProtocolMessage();
        value.Add(Tag, name);
        value.Add(SimpleValue, (float)number);
        Message.Add(Value, value);
    }

    public void Add(string name, ImageSheet sheet)
    {
        var image = new ProtocolMessage();
        image.Add(1, sheet.Height);
        image.Add(2, sheet.Width);
        image.Add(3, sheet.Channels);
        image.Add(4, sheet.Png);
        var value = new ProtocolMessage();
        value.Add(Tag, name);
        value.Add(Image, image);
        Message.Add(Value, value);
    }

    /// <summary>
    /// A text is a tensor of one string that TensorBoard's text plugin shows, as Markdown: it is written as a code block.
    /// </summary>
    public void Add(string name, string text)
    {
        const long StringType = 7;
        var dimension = new ProtocolMessage();
        dimension.Add(1, 1L);
        var shape = new ProtocolMessage();
        shape.Add(2, dimension);
        var tensor = new ProtocolMessage();
        tensor.Add(1, StringType);
        tensor.Add(2, shape);
        tensor.Add(8, CodeBlock(text));

        var plugin = new ProtocolMessage();
        plugin.Add(1, "text");
        var metadata = new ProtocolMessage();
        metadata.Add(1, plugin);

        var value = new ProtocolMessage();
        value.Add(Tag, name);
        value.Add(Tensor, tensor);
        value.Add(Metadata, metadata);
        Message.Add(Value, value);
    }

    // Markdown takes four spaces at the beginning of each line for code, whatever follows.
    private static string CodeBlock(string text) => "    " + text.ReplaceLineEndings("\n    ");
}
