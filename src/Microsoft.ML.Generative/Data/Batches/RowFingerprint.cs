using System.Globalization;
using System.Security.Cryptography;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>What identifies a data set: its columns, the number of its rows and the hash of their values, in their order.</summary>
internal sealed class RowFingerprint(IReadOnlyList<TensorColumn> columns) : IDisposable
{
    private readonly IncrementalHash[] _hashes = [.. columns.Select(_ => IncrementalHash.CreateHash(HashAlgorithmName.SHA256))];

    /// <summary>Adds the bytes of a column's next row or rows.</summary>
    public void Add(int column, ReadOnlySpan<byte> rows) => _hashes[column].AppendData(rows);

    public string Finish(long count) => string.Join("; ",
    [
        string.Create(CultureInfo.InvariantCulture, $"{count} rows"),
        .. columns.Select(
            (c, i) => $"{c.Name}: {c.Type} [{string.Join('×', c.RowShape)}] {Convert.ToHexStringLower(_hashes[i].GetHashAndReset())}"),
    ]);

    public void Dispose()
    {
        foreach (IncrementalHash hash in _hashes)
            hash.Dispose();
    }
}
