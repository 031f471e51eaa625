using Microsoft.ML.Generative.GpuCheck;

CheckOptions options;
try
{
    options = CheckOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine(CheckOptions.Usage);
    return 2;
}

LibTorchSearch.Find();
return options.IsWorker ? Worker.Run(options) : Supervisor.Run(options);
