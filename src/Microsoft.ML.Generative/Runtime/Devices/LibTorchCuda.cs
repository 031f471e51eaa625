using System.Globalization;
using System.Text.RegularExpressions;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Devices;

/// <summary>What the loaded libtorch says of CUDA.</summary>
/// <param name="Folder">Where it was loaded from.</param>
/// <param name="HasCuda">Whether it is a build with CUDA.</param>
/// <param name="CudaVersion">The major version of CUDA that it was built for.</param>
/// <param name="DeviceCount">The GPUs that it can use.</param>
internal sealed partial record LibTorchCuda(string Folder, bool HasCuda, int CudaVersion, int DeviceCount)
{
    // Of TorchSharp's packages.
    private const int PackagedCuda = 12;

    public static LibTorchCuda Read()
    {
        string folder = Path.GetDirectoryName(LibTorchFolder.LoadedFile()) ?? "";
        return new LibTorchCuda(
            folder, File.Exists(Path.Combine(folder, LibTorchFolder.FileName("torch_cuda"))),
            CudaOf(LibTorchFolder.ReadVersion(folder)) ?? PackagedCuda, torch.cuda.is_available() ? torch.cuda.device_count() : 0);
    }

    /// <summary>The major version of CUDA in a version of libtorch: 12 in <c>2.10.0+cu128</c>.</summary>
    internal static int? CudaOf(string? version) => version is not null && Suffix().Match(version) is { Success: true } match
        ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : null;

    [GeneratedRegex(@"\+cu(\d+)\d$")]
    private static partial Regex Suffix();
}
