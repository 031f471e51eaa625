using System.Security.Cryptography;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>A file of a data set: what a download of it must be, to the byte.</summary>
/// <param name="Name">Its name, in gzip form with <c>.gz</c> at the end.</param>
/// <param name="Size">Bytes of the download.</param>
/// <param name="Sha256">SHA-256 of the download, in lower-case hexadecimal.</param>
internal record DatasetFile(string Name, long Size, string Sha256)
{
    /// <summary>How a file differs from the one described, as part of a sentence; null if it does not.</summary>
    /// <param name="content">The file, which is read from its beginning.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public async Task<string?> FindFaultAsync(Stream content, CancellationToken cancellationToken)
    {
        if (content.Length != Size)
            return $"it has {content.Length:N0} bytes, expected {Size:N0}";

        content.Position = 0;
        var hash = Convert.ToHexStringLower(await HashAsync(content, cancellationToken).ConfigureAwait(false));
        return hash == ExpectedHash ? null : $"its {HashName} is {hash}, expected {ExpectedHash}";
    }

    protected virtual string HashName => "SHA-256";

    protected virtual string ExpectedHash => Sha256;

    protected virtual Task<byte[]> HashAsync(Stream content, CancellationToken cancellationToken) =>
        SHA256.HashDataAsync(content, cancellationToken).AsTask();
}
