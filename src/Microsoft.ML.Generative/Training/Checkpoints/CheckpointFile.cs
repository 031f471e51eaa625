using System.IO.Compression;
using System.Text.Json;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Checkpoints;

/// <summary>
/// One checkpoint: a zip file, not compressed, with <c>state.json</c>, <c>tensors.safetensors</c> and their checksums. It appears under
/// its name only when it is complete.
/// </summary>
internal static class CheckpointFile
{
    private const string StateEntry = "state.json";
    private const string TensorsEntry = "tensors.safetensors";

    public static void Write(string path, CheckpointState state, IEnumerable<(string Name, torch.Tensor Tensor)> tensors) =>
        AtomicFile.Write(path, file =>
    {
        using var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true);
        void Save(string name, Action<Stream> write)
        {
            using Stream entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
            write(entry);
        }

        var writer = new EntryWriter(Save);
        writer.Write(StateEntry, entry => JsonSerializer.Serialize(entry, state, ExactDoubles.Options));
        writer.Write(TensorsEntry, entry => SafetensorsWriter.Write(entry, tensors));
        writer.Finish();
    });

    /// <summary>Reads the state, and the rest to check that it is valid.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    /// <exception cref="NotSupportedException">The file was written by a newer version.</exception>
    public static CheckpointState ReadState(string path)
    {
        CheckpointState state = ReadStateOnly(path);
        // Reads to the end and compares the checksum.
        Open(path, load => ModelEntries.ReadEntry(load, TensorsEntry, (_, _) => { }));
        return state;
    }

    /// <summary>Reads the state, and not the tensors, which may be damaged.</summary>
    /// <inheritdoc cref="ReadState" path="/exception"/>
    public static CheckpointState ReadStateOnly(string path)
    {
        CheckpointState? state = null;
        Open(path, load => ModelEntries.ReadEntry(load, StateEntry, (stream, _) =>
        {
            using JsonDocument json = ModelConfigJson.ParseDocument(ModelConfigJson.ReadBytes(stream, StateEntry), StateEntry);
            RefuseNewer(json.RootElement);
            state = ModelConfigJson.Deserialize<CheckpointState>(json.RootElement, StateEntry);
            if (state.Threads is < 1 or > TorchThreads.Most)
                throw new InvalidDataException($"'{StateEntry}' has {state.Threads} threads; expected 1 to {TorchThreads.Most}.");
        }));
        return state!;
    }

    /// <summary>Copies the tensors of a valid file over those given, and creates further ones.</summary>
    /// <param name="path">The file.</param>
    /// <param name="destinations">Tensors under their present names.</param>
    /// <param name="presentName">The present name for each of the file's.</param>
    /// <param name="isCreated">Which other tensors of the file are wanted.</param>
    /// <returns>The tensors created, on the CPU; the caller's.</returns>
    /// <exception cref="InvalidDataException">The file has other tensors.</exception>
    public static Dictionary<string, torch.Tensor> ReadTensors(
        string path, IReadOnlyDictionary<string, torch.Tensor> destinations, Func<string, string> presentName, Predicate<string> isCreated)
    {
        var created = new Dictionary<string, torch.Tensor>(StringComparer.Ordinal);
        try
        {
            Open(path, load => ModelEntries.ReadEntry(load, TensorsEntry, (stream, length) =>
            {
                var file = new SafetensorsStream(stream, path, length);
                foreach (SafetensorsInfo info in file.Tensors.Values.Where(t => isCreated(t.Name)))
                    created.Add(info.Name, torch.empty(info.Shape, info.Type).DetachFromDisposeScope());
                file.ReadInto(ModuleWeights.UnderNamesOf(file.Tensors.Keys, presentName, destinations)
                    .Concat(created).ToDictionary(t => t.Key, t => t.Value, StringComparer.Ordinal));
            }));
            return created;
        }
        catch
        {
            foreach (torch.Tensor tensor in created.Values)
                tensor.Dispose();
            throw;
        }
    }

    private static void RefuseNewer(JsonElement state)
    {
        if (state.ValueKind == JsonValueKind.Object && state.TryGetProperty("format", out JsonElement member)
            && member.ValueKind == JsonValueKind.Number && member.TryGetInt64(out long format) && format > CheckpointState.CurrentFormat)
        {
            throw new NotSupportedException(
                ModelEntries.Newer(
                    format, CheckpointState.CurrentFormat).Message.Replace("The model", "The checkpoint", StringComparison.Ordinal));
        }
    }

    private static void Open(string path, Action<ModelEntries.TryLoad> read)
    {
        using FileStream file = RegularFile.OpenRead(path);
        using var archive = new ZipArchive(file, ZipArchiveMode.Read);
        read((name, readEntry) =>
        {
            if (archive.GetEntry(name) is not { } entry)
                return false;
            using Stream stream = entry.Open();
            readEntry(stream);
            return true;
        });
    }
}
