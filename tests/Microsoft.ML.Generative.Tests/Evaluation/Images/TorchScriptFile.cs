using System.IO.Compression;
using System.Text;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Writes what <c>torch.jit.save</c> would write of a module without parameters.</summary>
internal static class TorchScriptFile
{
    /// <param name="path">The file.</param>
    /// <param name="expression">The result of <c>forward</c>, of a tensor x.</param>
    public static void Write(string path, string expression)
    {
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Add("data.pkl", ModulePickle());
        Add("constants.pkl", [0x80, 2, (byte)')', (byte)'.']);
        Add("code/__torch__.py", Encoding.UTF8.GetBytes(
            $"""
            class Extractor(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              def forward(self: __torch__.Extractor,
                x: Tensor) -> Tensor:
                return {expression}

            """.ReplaceLineEndings("\n")));
        Add("version", "3\n"u8.ToArray());

        void Add(string name, byte[] bytes)
        {
            using Stream entry = archive.CreateEntry($"extractor/{name}", CompressionLevel.NoCompression).Open();
            entry.Write(bytes);
        }
    }

    // An instance of __torch__.Extractor with training = True: protocol 2, GLOBAL, no arguments, NEWOBJ, a dictionary of one item, BUILD,
    // STOP.
    private static byte[] ModulePickle()
    {
        byte[] key = Encoding.UTF8.GetBytes("training");
        return
        [
            0x80, 2, .. "c__torch__\nExtractor\n"u8, (byte)')', 0x81, (byte)'}', (byte)'(', (byte)'X',
            .. BitConverter.GetBytes(key.Length), .. key, 0x88, (byte)'u', (byte)'b', (byte)'.',
        ];
    }
}
