#!/usr/bin/env bash
# Builds the library, packs it and uses it as a user would: a new console application outside the repository, with the package references
# that README.md names. One process trains and saves; a second one only calls
# MLContext.Model.Load and transforms. Both must give the same scores.
# The templates of dotnet new must make projects that build and run with the packages.
# Publishing it for a system whose libtorch is missing must give a warning.
# The package for GPUs must bring the natives of each system, and no others; packages without content stand for these, 3 GB each.
# The tool is installed and describes the model.
# Then the same application without libtorch must fail with one sentence that says what to add.
# Usage: eng/check-package.sh [--no-build] [runtime identifier of libtorch, default linux-x64]
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
builds=true
if [[ ${1:-} == --no-build ]]; then
  builds=false
  shift
fi
native=libtorch-cpu-${1:-linux-x64}
work=$(mktemp -d)
suffix=ci.$(date -u +%Y%m%d%H%M%S).$$
cache=${NUGET_PACKAGES:-$HOME/.nuget/packages}/microsoft.ml.generative

clean_up() {
  rm -rf "$work"
  # Only the version made here: a developer may have others.
  rm -rf "$cache"/*-"$suffix"
}
trap clean_up EXIT

fail() {
  echo "check-package: $*" >&2
  exit 1
}

local_feed() { # local_feed <pattern>...: packages that match come from the folder with those made here, all others from nuget.org
  cat > nuget.config <<XML
<configuration>
  <packageSources>
    <clear />
    <add key="local" value="../feed" />
    <add key="nuget.org" value="https://api.nuget.org/v3/index.json" protocolVersion="3" />
  </packageSources>
  <packageSourceMapping>
    <clear />
    <packageSource key="local">$(printf '<package pattern="%s" />' "$@")</packageSource>
    <packageSource key="nuget.org"><package pattern="*" /></packageSource>
  </packageSourceMapping>
</configuration>
XML
}

# --- the packages ---

[[ $builds == false ]] || dotnet build "$repository/eng/packages.slnf" -c Release
dotnet pack "$repository/eng/packages.slnf" -c Release --no-build -o "$work/feed" --version-suffix "$suffix"
package=$(find "$work/feed" -name "Microsoft.ML.Generative.[0-9]*-$suffix.nupkg")
symbols=$(find "$work/feed" -name "Microsoft.ML.Generative.[0-9]*-$suffix.snupkg")
[[ -n $package ]] || fail "no package was written to $work/feed"
[[ -n $symbols ]] || fail "no symbol package was written to $work/feed"
version=$(basename "$package" .nupkg)
version=${version#Microsoft.ML.Generative.}

# A .nupkg is a zip archive; the SDK brings nothing to list one with, and neither does Debian's base system. The names of its entries stand in it as they are.
for entry in README.md lib/net10.0/Microsoft.ML.Generative.dll lib/net10.0/Microsoft.ML.Generative.xml \
  buildTransitive/Microsoft.ML.Generative.targets; do
  grep -aqF "$entry" "$package" || fail "the package lacks $entry"
done
grep -aqF "Microsoft.ML.Generative.pdb" "$symbols" || fail "the symbol package lacks Microsoft.ML.Generative.pdb"
for entry in libtorch FriendAssemblies Microsoft.ML.Core.dll Microsoft.ML.Data.dll; do
  ! grep -aqF "$entry" "$package" || fail "the package contains $entry"
done

nuspec=$repository/src/Microsoft.ML.Generative/obj/Release/Microsoft.ML.Generative.$version.nuspec
dependencies=$(sed -nE 's/.*<dependency id="([^"]+)" version="([^"]+)".*/\1 \2/p' "$nuspec" | LC_ALL=C sort)
# The packages that the library references, and the pins of Directory.Packages.props for what these bring along.
expected='Google.Protobuf 3.31.1
Microsoft.Extensions.AI.Abstractions [10.11.0, 11.0.0)
Microsoft.ML [5.0.1, 6.0.0)
Microsoft.ML.CpuMath [5.0.1, 6.0.0)
Microsoft.ML.DataView [5.0.1, 6.0.0)
Microsoft.ML.ImageAnalytics [5.0.1, 6.0.0)
Microsoft.ML.Tokenizers [2.0.1, 3.0.0)
NAudio.Core 3.3.0
NAudio.Midi 3.3.0
SharpZipLib 1.4.2
SkiaSharp [2.88.9, 3.0.0)
SkiaSharp.NativeAssets.Linux.NoDependencies 2.88.9
System.Numerics.Tensors 9.0.19
TorchSharp 0.107.0'
[[ $dependencies == "$expected" ]] || fail "the package depends on
$dependencies
but expected was
$expected"
rm -f "$nuspec"

# --- the package for ONNX ---

onnx=$(find "$work/feed" -name "Microsoft.ML.Generative.Onnx.*-$suffix.nupkg")
[[ -n $onnx ]] || fail "no package for ONNX was written to $work/feed"
for entry in README.md lib/net10.0/Microsoft.ML.Generative.Onnx.dll lib/net10.0/Microsoft.ML.Generative.Onnx.xml; do
  grep -aqF "$entry" "$onnx" || fail "the package for ONNX lacks $entry"
done
nuspec=$repository/src/Microsoft.ML.Generative.Onnx/obj/Release/Microsoft.ML.Generative.Onnx.$version.nuspec
dependencies=$(sed -nE 's/.*<dependency id="([^"]+)" version="([^"]+)".*/\1 \2/p' "$nuspec" | LC_ALL=C sort)
for dependency in "Microsoft.ML.Generative $version" "Microsoft.ML.OnnxRuntime.Managed 1.31.1"; do
  grep -qxF "$dependency" <<< "$dependencies" || fail "the package for ONNX depends on
$dependencies
but not on $dependency"
done
rm -f "$nuspec"

# --- the package for ASP.NET ---

server=$(find "$work/feed" -name "Microsoft.ML.Generative.AspNetCore.*-$suffix.nupkg")
[[ -n $server ]] || fail "no package for ASP.NET was written to $work/feed"
for entry in README.md lib/net10.0/Microsoft.ML.Generative.AspNetCore.dll lib/net10.0/Microsoft.ML.Generative.AspNetCore.xml; do
  grep -aqF "$entry" "$server" || fail "the package for ASP.NET lacks $entry"
done
nuspec=$repository/src/Microsoft.ML.Generative.AspNetCore/obj/Release/Microsoft.ML.Generative.AspNetCore.$version.nuspec
dependencies=$(sed -nE 's/.*<dependency id="([^"]+)" version="([^"]+)".*/\1 \2/p' "$nuspec" | LC_ALL=C sort)
grep -qxF "Microsoft.ML.Generative $version" <<< "$dependencies" || fail "the package for ASP.NET depends on
$dependencies
but not on Microsoft.ML.Generative $version"
grep -qF 'frameworkReference name="Microsoft.AspNetCore.App"' "$nuspec" || fail "the package for ASP.NET does not name its framework"
rm -f "$nuspec"

# --- the tool ---

tool=$(find "$work/feed" -name "Microsoft.ML.Generative.Tool.*-$suffix.nupkg")
[[ -n $tool ]] || fail "no package of the tool was written to $work/feed"
for entry in README.md tools/net10.0/any/DotnetToolSettings.xml tools/net10.0/any/Microsoft.ML.Generative.Tool.dll \
  tools/net10.0/any/Microsoft.ML.Generative.Onnx.dll; do
  grep -aqF "$entry" "$tool" || fail "the package of the tool lacks $entry"
done
! grep -aqF libtorch_cpu "$tool" || fail "the package of the tool contains libtorch"

# --- the package for GPUs ---

gpu=$(find "$work/feed" -name "Microsoft.ML.Generative.Gpu.*-$suffix.nupkg")
[[ -n $gpu ]] || fail "no package for GPUs was written to $work/feed"
for entry in README.md runtime.json lib/net10.0/_._ buildTransitive/Microsoft.ML.Generative.Gpu.targets; do
  grep -aqF "$entry" "$gpu" || fail "the package for GPUs lacks $entry"
done
! grep -aqF .dll "$gpu" || fail "the package for GPUs contains a library"
nuspec=$repository/src/Microsoft.ML.Generative.Gpu/obj/Release/Microsoft.ML.Generative.Gpu.$version.nuspec
dependencies=$(sed -nE 's/.*<dependency id="([^"]+)" version="([^"]+)".*/\1 \2/p' "$nuspec" | LC_ALL=C sort)
# The library, and the pins for what it brings along; what a system needs stands in runtime.json.
expected_gpu=$(LC_ALL=C sort <<< "$expected"$'\n'"Microsoft.ML.Generative $version")
[[ $dependencies == "$expected_gpu" ]] || fail "the package for GPUs depends on
$dependencies
but expected was
$expected_gpu"
rm -f "$nuspec"

mkdir "$work/gpu"
cd "$work/gpu"
local_feed 'Microsoft.ML.Generative*' 'TorchSharp-cuda-*'
for system in linux windows; do
  mkdir "stub-$system"
  cat > "stub-$system/TorchSharp-cuda-$system.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>netstandard2.0</TargetFramework>
    <Version>0.107.0</Version>
  </PropertyGroup>
</Project>
XML
  dotnet pack "stub-$system" -o "$work/feed"
done
cat > Gpu.csproj <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <UseAppHost>false</UseAppHost>
    <EnableDefaultItems>false</EnableDefaultItems>
    <!-- The packages without content must not be found by other projects of this machine. -->
    <RestorePackagesPath>packages</RestorePackagesPath>
    <RestoreFallbackFolders>${NUGET_PACKAGES:-$HOME/.nuget/packages}</RestoreFallbackFolders>
  </PropertyGroup>
  <ItemGroup>
    <Compile Include="Program.cs" />
    <PackageReference Include="Microsoft.ML.Generative.Gpu" Version="$version" />
  </ItemGroup>
</Project>
XML
echo 'System.Console.WriteLine(typeof(Microsoft.ML.Generative.GenerativeCatalog).FullName);' > Program.cs
gpu_build() { # gpu_build <natives expected> [runtime identifier]: leaves what the build prints in $log
  rm -rf obj bin
  # What follows from NuGet's graph alone: natives are downloaded by no build here.
  log=$(dotnet build Gpu.csproj -c Release ${2:+-r "$2" --self-contained false}) || fail "an application with the package for GPUs does not build: $log"
  natives=$(sed -nE 's/^ +"(TorchSharp-cuda-[a-z]+)\/([0-9.]+)": \{$/\1 \2/p' obj/project.assets.json | LC_ALL=C sort -u | paste -sd ,)
  [[ $natives == "$1" ]] || fail "the package for GPUs brings '$natives' for the runtime identifier '${2:-}'; expected was '$1'"
}
gpu_build "TorchSharp-cuda-linux 0.107.0" linux-x64
! grep -qF MLGEN0002 <<< "$log" || fail "for linux-x64 the package for GPUs gives a warning: $log"
gpu_build "TorchSharp-cuda-windows 0.107.0" win-x64
gpu_build ""
grep -qF "MLGEN0002: Microsoft.ML.Generative.Gpu brings CUDA for the runtime identifiers linux-x64 and win-x64" <<< "$log" \
  || fail "without a runtime identifier the package for GPUs gives no warning: $log"

# --- the templates ---

mkdir "$work/templates"
cd "$work/templates"
local_feed 'Microsoft.ML.Generative*'
hive=(--debug:custom-hive "$work/hive")
dotnet new install "$work/feed/Microsoft.ML.Generative.Templates.$version.nupkg" "${hive[@]}"
for model in vae diffusion language; do
  dotnet new generative-console -o "Console_$model" --model "$model" --no-restore "${hive[@]}"
  dotnet build "Console_$model" -c Release -warnaserror -p:CreateHardLinksForCopyLocalIfPossible=true
done
cd Console_vae
dotnet bin/Release/net10.0/Console_vae.dll
[[ $(head -c 8 digits.png | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]] || fail "the console template writes no PNG file"
[[ -s model.zip ]] || fail "the console template saves no model"
cd ..
dotnet new generative-web -o Web --no-restore "${hive[@]}"
cd Web
dotnet build -c Release -warnaserror -p:CreateHardLinksForCopyLocalIfPossible=true
# The log is there before it is first read.
: > log
dotnet bin/Release/net10.0/Web.dll --urls http://127.0.0.1:0 >> log 2>&1 &
web=$!
for ((i = 0; i < 1200; i++)); do
  address=$(sed -nE 's/.*Now listening on: (http:.*)/\1/p' log)
  [[ -z $address ]] || ! curl -fs "$address/health/ready" > /dev/null || break
  kill -0 $web 2> /dev/null || fail "the web template's server ended: $(tail -n 20 log)"
  sleep 0.5
done
curl -fs "$address/" | grep -qF '<form id="form">' || fail "the web template's server has no page: $(tail -n 20 log)"
written=$(curl -fs "$address/v1/completions" -H 'Content-Type: application/json' \
  -d '{"model": "writer", "prompt": "The ", "max_tokens": 40, "seed": 1}') || fail "the web template's server writes nothing: $(tail -n 20 log)"
grep -qE '"text": ?"[a-z]+ ' <<< "$written" || fail "the web template's server writes $written"
kill $web
wait $web || true
rm -rf "$work/templates" "$work/hive"

# --- the application ---

mkdir "$work/app"
cd "$work/app"
local_feed Microsoft.ML.Generative Microsoft.ML.Generative.Tool
cat > App.csproj <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
    <CreateHardLinksForCopyLocalIfPossible>true</CreateHardLinksForCopyLocalIfPossible>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.ML.Generative" Version="$version" />
    <PackageReference Include="$native" Version="2.10.0" Condition="'\$(Native)' != 'false'" />
  </ItemGroup>
</Project>
XML
cat > Program.cs <<'CS'
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;

try
{
    // ML.NET's images work only with the SkiaSharp that the package asks for.
    using var image = MLImage.CreateFromPixels(1, 1, MLPixelFormat.Rgba32, [1, 2, 3, 255]);
    if (image.Pixels.Length != 4)
        throw new InvalidOperationException($"An image of one pixel has {image.Pixels.Length} bytes.");

    switch (args[0])
    {
        case "train": Train(); break;
        case "load": Load(); break;
        case "check": new MLContext().Generative().LoadModel("vae.zip", out _); break;
        default: throw new ArgumentException(args[0]);
    }

    return 0;
}
catch (Exception caught)
{
    // ML.NET calls loaders by reflection.
    Exception e = args[0] == "load" ? caught.GetBaseException() : caught;
    Console.Error.WriteLine($"{e.GetType().Name}: {e.Message}");
    return 3;
}

static void Train()
{
    var ml = new MLContext();
    IDataView digits = ml.Generative().Datasets.Digits(500, seed: 1);
    var options = new VaeOptions { LatentSize = 4, HiddenSizes = [32], Epochs = 2, Seed = 1 };
    VaeTransformer trained = ml.Transforms.Generative().Vae(options).Fit(digits);
    ml.Model.Save(trained, digits.Schema, "vae.zip");
    using (FileStream file = File.Create("digits.idv"))
        ml.Data.SaveAsBinary(digits, file);
    Print(trained, digits);
}

// ML.NET alone: it must find the library's loader by itself.
static void Load()
{
    var ml = new MLContext();
    Print(ml.Model.Load("vae.zip", out _), ml.Data.LoadFromBinary("digits.idv"));
}

static void Print(ITransformer model, IDataView data)
{
    double sum = model.Transform(data).GetColumn<float>("NegativeElbo").Sum(x => (double)x);
    Console.WriteLine($"sum {sum.ToString("R", CultureInfo.InvariantCulture)}");
}
CS

dotnet build -c Release
trained=$(dotnet bin/Release/net10.0/App.dll train)
loaded=$(dotnet bin/Release/net10.0/App.dll load)
[[ $trained =~ ^sum\ [0-9.]+$ ]] || fail "training printed '$trained'; expected one sum"
[[ $trained == "$loaded" ]] || fail "the model trained gives '$trained', the model loaded '$loaded'"

# --- the tool, installed; it finds the libtorch that the build above has left in NuGet's cache ---

dotnet tool install Microsoft.ML.Generative.Tool --version "$version" --tool-path "$work/tools" --configfile nuget.config
described=$("$work/tools/generative" info vae.zip)
grep -qxF "LatentSize: 4" <<< "$described" || fail "the tool describes the model as: $described"
code=0
"$work/tools/generative" info none.zip 2> error.txt || code=$?
[[ $code == 1 ]] && grep -qF none.zip error.txt || fail "for a missing file the tool ended with $code, printing: $(cat error.txt)"

# --- published ---

publish() { # publish <runtime identifier>
  rm -rf bin obj
  dotnet publish -c Release -r "$1" --self-contained false -p:UseAppHost=false -p:TreatWarningsAsErrors=false \
    -p:CreateHardLinksForPublishFilesIfPossible=true -o "$work/publish"
  rm -rf "$work/publish"
}

own=${native#libtorch-cpu-}
other=win-x64
[[ $own != win-x64 ]] || other=linux-x64
log=$(publish "$other")
grep -qF "MLGEN0001: The application is published for $other without libtorch" <<< "$log" || fail "publishing for $other without its libtorch gave no warning: $log"
log=$(publish "$own")
! grep -qF MLGEN0001 <<< "$log" || fail "publishing for $own with its libtorch gave the warning of a missing one: $log"

# --- without libtorch ---

rm -rf bin obj
dotnet build -c Release -p:Native=false
for action in train load check; do
  code=0
  message=$(dotnet bin/Release/net10.0/App.dll $action 2>&1) || code=$?
  [[ $code == 3 ]] || fail "without libtorch '$action' ended with $code, printing: $message"
  [[ $(wc -l <<< "$message") == 1 ]] || fail "without libtorch '$action' should print one line; it printed: $message"
  grep -qF "InvalidOperationException: The native library libtorch was not found. Add the NuGet package $native 2.10.0" <<< "$message" \
    || fail "without libtorch '$action' does not say what to add: $message"
done

echo "check-package: $(basename "$package"), $(stat -c %s "$package") bytes, symbols $(stat -c %s "$symbols") bytes; trained and loaded: $trained"
echo "check-package: without libtorch: $message"
