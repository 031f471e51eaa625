using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>A model's entries in an ML.NET model file. The transformer's version is the format's version.</summary>
internal static class ModelFile
{
    /// <summary>
    /// Writes header, configuration, weights and further files; for <c>ICanSaveModel.Save</c>. The model's name, such as "vae", is
    /// what <see cref="LoadConfig"/> asks for; further files, such as a tokenizer's, go by their entries' names.
    /// </summary>
    public static void Save<TConfig>(
        ModelSaveContext ctx, VersionInfo version, string model, TConfig config, torch.nn.Module network, IReadOnlyDictionary<string, Action<Stream>>? extraFiles = null)
    {
        Contracts.CheckValue(ctx, nameof(ctx));
        ctx.CheckAtModel();
        ctx.SetVersionInfo(version);
        ModelEntries.Write((name, write) => ctx.SaveBinaryStream(name, writer => write(writer.BaseStream)), Format(version), model, config, network, extraFiles);
    }

    /// <summary>Checks the header's version and reads the configuration; the first thing that a loader does.</summary>
    /// <exception cref="InvalidDataException">The model is newer than this version, or its configuration is missing, damaged or not of this model.</exception>
    /// <exception cref="FormatException">The header is not of this kind of model (thrown by ML.NET).</exception>
    public static TConfig LoadConfig<TConfig>(IHostEnvironment env, ModelLoadContext ctx, VersionInfo version, string model)
    {
        Check(env, ctx);
        // ML.NET's own message would tell the user to look for another ML.NET.
        if (ctx.Header.ModelSignature == version.ModelSignature && ctx.Header.ModelVerReadable > version.VerWrittenCur)
            throw ModelEntries.Newer(ctx.Header.ModelVerReadable, version.VerWrittenCur);
        ctx.CheckAtModel(version);
        return ModelEntries.ReadConfig<TConfig>(Loader(ctx), Format(version), model);
    }

    /// <summary>Makes the network of the configuration and copies the weights into it.</summary>
    /// <param name="env">The environment.</param>
    /// <param name="ctx">The model file.</param>
    /// <param name="weightBytes">The size of the network's weights; the file's must have it before the network is made.</param>
    /// <param name="create">Makes the network.</param>
    /// <exception cref="InvalidDataException">The weights are missing or damaged, or not those of the network.</exception>
    public static TNetwork LoadNetwork<TNetwork>(IHostEnvironment env, ModelLoadContext ctx, long weightBytes, Func<TNetwork> create)
        where TNetwork : torch.nn.Module
    {
        Check(env, ctx);
        return ModelEntries.ReadNetwork(Loader(ctx), weightBytes, create);
    }

    /// <summary>Reads one of the further files.</summary>
    /// <exception cref="InvalidDataException">The file is missing or damaged.</exception>
    public static void LoadFile(IHostEnvironment env, ModelLoadContext ctx, string name, Action<Stream> read)
    {
        Check(env, ctx);
        ModelEntries.ReadEntry(Loader(ctx), name, (stream, _) => read(stream));
    }

    /// <summary>Runs a configuration's own checks.</summary>
    /// <exception cref="InvalidDataException">One of them failed.</exception>
    public static void CheckConfig(Action check)
    {
        try
        {
            check();
        }
        catch (Exception e) when (e is ArgumentException or OverflowException or NotSupportedException)
        {
            throw new InvalidDataException($"{ModelEntries.Config} of the model is not valid: {e.Message}", e);
        }
    }

    private static void Check(IHostEnvironment env, ModelLoadContext ctx)
    {
        Contracts.CheckValue(env, nameof(env));
        env.CheckValue(ctx, nameof(ctx));
    }

    private static int Format(VersionInfo version) => checked((int)version.VerWrittenCur);

    private static ModelEntries.TryLoad Loader(ModelLoadContext ctx) => (name, read) =>
    {
        bool opened = false;
        try
        {
            return ctx.TryLoadBinaryStream(name, reader =>
            {
                opened = true;
                read(reader.BaseStream);
            });
        }
        catch (InvalidDataException e) when (!opened)
        {
            throw new InvalidDataException($"'{name}' in the model file is damaged: {e.Message}", e);
        }
    };
}
