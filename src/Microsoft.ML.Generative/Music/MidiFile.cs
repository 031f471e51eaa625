using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Music.Midi;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Music;

/// <summary>Reads and writes standard MIDI files.</summary>
/// <remarks>
/// <para>
/// Notes, instruments, tempos, meters and keys are read; pedals, bends, lyrics and system messages are left out. Files of format 0 and 1
/// with ticks per quarter note are supported, with up to 16 MiB and a million events. A file that is not valid is an
/// <see cref="InvalidDataException"/> that says where.
/// </para>
/// <para>
/// Written files have format 1: a track of tempos, meters and keys, then a track for each voice. Reading one gives the piece that was
/// written, where its voices count from 0 without a gap and notes of one channel and pitch do not overlap.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// NoteSequence song = MidiFile.Read("song.mid");
/// MidiFile.Write("higher.mid", song.Transpose(2));
/// </code>
/// </example>
public static class MidiFile
{
    internal const int MostBytes = 1 << 24;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The piece; each track that has notes is a voice.</returns>
    /// <exception cref="FileNotFoundException">The file does not exist.</exception>
    /// <exception cref="InvalidDataException">It is no MIDI file, damaged, or too large; the message says where.</exception>
    public static NoteSequence Read(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        return Read(stream, Quoted.Text(path));
    }

    /// <summary>Reads a file from a stream.</summary>
    /// <param name="stream">The stream, which is read to its end and stays open.</param>
    /// <inheritdoc cref="Read(string)" path="/returns"/>
    /// <inheritdoc cref="Read(string)" path="/exception[@cref='InvalidDataException']"/>
    public static NoteSequence Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return Read(stream, "The MIDI file");
    }

    /// <summary>Writes a file. It appears under its name only when it is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="piece">The piece.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, NoteSequence piece)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(piece);
        byte[] file = MidiWriter.Write(piece);
        AtomicFile.Write(path, stream => stream.Write(file));
    }

    /// <summary>Writes a file to a stream.</summary>
    /// <param name="stream">The stream, which stays open.</param>
    /// <param name="piece">The piece.</param>
    public static void Write(Stream stream, NoteSequence piece)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(piece);
        stream.Write(MidiWriter.Write(piece));
    }

    private static NoteSequence Read(Stream stream, string name)
    {
        byte[] buffer = new byte[1 << 16];
        using var bytes = new MemoryStream();
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (bytes.Length + read > MostBytes)
                throw new InvalidDataException($"{name} has more than {MostBytes:N0} bytes, which is too large for a MIDI file.");
            bytes.Write(buffer, 0, read);
        }

        return MidiReader.Read(bytes.ToArray(), name);
    }
}
