using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Generative.Data.Datasets;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>A file that is known by git's name for its content: the SHA-1 of a header with its length, and of the content.</summary>
internal sealed record GitBlobFile(string Name, long Size, string BlobId) : DatasetFile(Name, Size, "")
{
    protected override string HashName => "git blob";

    protected override string ExpectedHash => BlobId;

    // Git's format asks for SHA-1. It guards against damage here; who would forge files would do so at their source.
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "Git's format asks for SHA-1.")]
    protected override async Task<byte[]> HashAsync(Stream content, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        byte[] buffer = new byte[1 << 16];
        while (await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and int count)
            hash.AppendData(buffer, 0, count);
        return hash.GetHashAndReset();
    }
}
