using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A model's entries in memory.</summary>
internal sealed class MemoryEntries
{
    public Dictionary<string, byte[]> All { get; } = [];

    public void Save(string name, Action<Stream> write)
    {
        using var stream = new MemoryStream();
        write(stream);
        All.Add(name, stream.ToArray());
    }

    public bool TryLoad(string name, Action<Stream> read)
    {
        if (!All.TryGetValue(name, out byte[]? bytes))
            return false;
        read(new MemoryStream(bytes));
        return true;
    }

    /// <summary>Puts other bytes in place, with a checksum that fits, as an older or newer version would have written them.</summary>
    public void Replace(string name, byte[] bytes)
    {
        All[name] = bytes;
        var hashes = JsonSerializer.Deserialize<Dictionary<string, string>>(All["checksums.json"])!;
        hashes[name] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        All["checksums.json"] = JsonSerializer.SerializeToUtf8Bytes(hashes);
    }

    public void Replace(string name, string text) => Replace(name, Encoding.UTF8.GetBytes(text));

    public void Change(string name, string before, string after)
    {
        string text = Encoding.UTF8.GetString(All[name]);
        Assert.Contains(before, text);
        Replace(name, text.Replace(before, after, StringComparison.Ordinal));
    }

    /// <summary>Removes an entry and its checksum.</summary>
    public void Remove(string name)
    {
        Assert.True(All.Remove(name));
        var hashes = JsonSerializer.Deserialize<Dictionary<string, string>>(All["checksums.json"])!;
        hashes.Remove(name);
        All["checksums.json"] = JsonSerializer.SerializeToUtf8Bytes(hashes);
    }
}
