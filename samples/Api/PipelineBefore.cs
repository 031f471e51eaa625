#:project ../../src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj
// ML.NET's transforms before a generative model: images are loaded from files, resized and converted to gray, and train a VAE.

using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

var mlContext = new MLContext(seed: 1);
DirectoryInfo folder = Directory.CreateTempSubdirectory("pipeline-");
IDataView digits = mlContext.Generative().Datasets.Digits(300, seed: 1);
foreach ((int index, byte[] pixels) in digits.GetColumn<byte[]>("Image").Index())
{
    byte[] rgba = [.. pixels.SelectMany(pixel => (byte[])[pixel, pixel, pixel, byte.MaxValue])];
    using MLImage image = MLImage.CreateFromPixels(28, 28, MLPixelFormat.Rgba32, rgba);
    image.Save(Path.Combine(folder.FullName, $"{index}.png"));
}

IDataView files = mlContext.Data.LoadFromEnumerable(folder.GetFiles().Select(file => new { Path = file.Name }));
var pipeline = mlContext.Transforms.LoadImages("Image", folder.FullName, "Path")
    .Append(mlContext.Transforms.ResizeImages("Image", imageWidth: 16, imageHeight: 16))
    .Append(mlContext.Transforms.ConvertToGrayscale("Image"))
    .Append(mlContext.Transforms.Generative().Vae(new VaeOptions
    {
        InputColumnName = "Image",
        Channels = 1,
        LatentSize = 4,
        HiddenSizes = [64],
        Epochs = 10,
        BatchSize = 20,
        Seed = 1,
        Threads = 1,
    }));
TransformerChain<VaeTransformer> model = pipeline.Fit(files);
using VaeTransformer vae = model.LastTransformer;

IDataView scored = model.Transform(files);
Console.WriteLine($"{scored.GetColumn<float[]>("Latent").Count()} images became {vae.LatentSize} latent values each.");
IDataView generated = vae.Generate(count: 1, new VaeGenerateOptions { Seed = 7 });
Console.WriteLine($"A generated image has {generated.GetColumn<float[]>("Generated").First().Length} values.");
folder.Delete(recursive: true);

// Expected output:
// 300 images became 4 latent values each.
// A generated image has 256 values.
