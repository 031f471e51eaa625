using System.Globalization;
using System.Security.Cryptography;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>What tells one data set from another.</summary>
internal static class RowFingerprint
{
    public static string Of(IReadOnlyList<TensorColumn> columns, IReadOnlyList<torch.Tensor> rows, long count)
    {
        var parts = new List<string> { string.Create(CultureInfo.InvariantCulture, $"{count} rows") };
        for (int i = 0; i < columns.Count; i++)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            TensorPieces.Write(rows[i], hash.AppendData);
            parts.Add($"{columns[i].Name}: {columns[i].Type} [{string.Join('×', columns[i].RowShape)}] {Convert.ToHexStringLower(hash.GetHashAndReset())}");
        }

        return string.Join("; ", parts);
    }
}
