using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>Runs a TorchScript file on images.</summary>
internal sealed class TorchScriptFeatures(string path, ImageFeatureOptions options) : FileFeatures(path)
{
    protected override FeatureComputation OpenFile(torch.Device device)
    {
        jit.ScriptModule<Tensor, Tensor> module;
        try
        {
            module = jit.load<Tensor, Tensor>(FilePath, device);
        }
        catch (ExternalException e)
        {
            throw CannotBeLoaded("TorchScript", e);
        }

        module.eval();
        return new FeatureComputation(device, rows => Run(module, options.Prepare(rows)), module);
    }

    private Tensor Run(jit.ScriptModule<Tensor, Tensor> module, Tensor images)
    {
        try
        {
            return Checked(module.call(images), images.size(0));
        }
        catch (Exception e) when (e is ExternalException or InvalidCastException)
        {
            throw CannotCompute(images, e);
        }
    }
}
