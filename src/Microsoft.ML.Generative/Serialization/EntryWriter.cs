using System.Text.Json;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>Writes entries, and their checksums in one more.</summary>
internal sealed class EntryWriter(ModelEntries.Save save)
{
    private readonly SortedDictionary<string, string> _hashes = new(StringComparer.Ordinal);

    /// <returns>The SHA-256 of what was written.</returns>
    public string Write(string name, Action<Stream> write)
    {
        save(name, stream =>
        {
            using var hashing = new HashingStream(stream);
            write(hashing);
            _hashes.Add(name, hashing.Hash);
        });
        return _hashes[name];
    }

    /// <summary>Writes the checksums; the last thing to do.</summary>
    public void Finish() => save(ModelEntries.Checksums, stream => JsonSerializer.Serialize(stream, _hashes, ModelConfigJson.Options));
}
